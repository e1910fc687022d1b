import { releaseCheck } from "../../../controller/writer/release-check.ts";
import type { AzVolume, Writer } from "../../../core/api/az-volume.ts";
import { identityOf } from "../../../core/api/identity/node-identity.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { isNamed } from "../../../core/writer/record/record-nodes.ts";
import { withdraw } from "../../../core/writer/record/writer-steps.ts";
import { isNoLongerDue, updateRecord } from "../../../objects/update-record.ts";
import type { ControllerContext } from "../controller-context.ts";
import { renewRequest, whyKept } from "./unpublish-obstacle.ts";
import type { UnpublishTarget } from "./unpublished-node.ts";

/**
 * Withdraws the request from the record: at once for a node that is out of service or does not hold the
 * volume, else by the release check. The node may hold the volume afterwards: it has yet to release it.
 * Fails with `VolumeInUse` or `StillWaiting` where the release check finds a user, or can't be sure; the
 * request is renewed then.
 */
export async function withdrawFromRecord(
  context: ControllerContext,
  target: UnpublishTarget,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { volumeId } = target;
  const { nodeName } = target.node;
  const volumeName = target.volume.metadata.name;
  const early = await withdrawUnheld(context, target, signal);
  if (early !== undefined) return early;
  // Until its request was withdrawn from the attachment, the node may have been granted the volume.
  const fresh = await context.store.get("AzVolume", volumeName, signal);
  if (!fresh.ok) return fresh.failure.kind === "ObjectNotFound" ? ok(undefined) : fresh;
  // The cache may not show yet what another controller published: the wait for the release starts here.
  context.cache.remember("AzVolume", fresh.value);
  const writer = requestedWriter(fresh.value, nodeName);
  if (writer === undefined) return ok(undefined);
  const withdrawal = { ...target, volume: fresh.value };
  const late = await withdrawUnheld(context, withdrawal, signal);
  if (late !== undefined) return late;
  const node = identityOf(writer);
  const checked = await releaseCheck(context, { volumeName, volumeId, node }, signal);
  if (!checked.ok) return checked;
  if (checked.value.kind === "unused") return ok(undefined);
  const renewed = await renewRequest(context, withdrawal, signal);
  return renewed.ok ? fail(whyKept(target, checked.value.use)) : renewed;
}

/** Undefined: the record names another writer or none, or its request is withdrawn. */
function requestedWriter({ status }: AzVolume, nodeName: string): Writer | undefined {
  const writer = status?.record?.writer;
  return writer?.nodeName === nodeName && writer.requested ? writer : undefined;
}

/**
 * Withdraws the request of a writer that is out of service or holds nothing, on the version that was read.
 * Undefined: it shows no such writer, or that one has acquired the volume since.
 */
async function withdrawUnheld(
  context: ControllerContext,
  { volume: volumeRead, node: { nodeName, isOutOfService } }: UnpublishTarget,
  signal: AbortSignal,
): Promise<Result<void> | undefined> {
  const writer = requestedWriter(volumeRead, nodeName);
  if (writer === undefined || (writer.held && !isOutOfService)) return undefined;
  const node = identityOf(writer);
  let isHeld = false;
  const withdrawn = await updateRecord(
    context,
    { volumeName: volumeRead.metadata.name, nodeName, step: "withdraw", volumeRead },
    (record) => {
      isHeld = !isOutOfService && isNamed(record, node, "holder");
      return isHeld ? fail(`${nodeName} holds the volume by now`) : withdraw(record, node);
    },
    signal,
  );
  if (isHeld) return undefined;
  return withdrawn.ok || isNoLongerDue(withdrawn.failure) ? ok(undefined) : withdrawn;
}
