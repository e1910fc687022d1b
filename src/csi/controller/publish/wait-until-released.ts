import { readDiskUnlessGone } from "../../../controller/adoption/confirm-disk-gone.ts";
import type { AzVolume } from "../../../core/api/az-volume.ts";
import { attachmentObjectName } from "../../../core/api/object-names.ts";
import { isRecordMissing } from "../../../core/attachment/observed-volume.ts";
import { holdsDisk } from "../../../core/attachment/plan-attachment.ts";
import { isSameResourceUri } from "../../../core/azure/ids/disk-uri.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { stillWaiting } from "../../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { isUnmarked } from "../../../core/rollback/attachments-unmarked.ts";
import { isSingleWriter } from "../../../core/volume/access-modes.ts";
import { isNamed } from "../../../core/writer/record/record-nodes.ts";
import { readAttachment } from "../../../objects/named-attachment.ts";
import { waitingTimeMs } from "../../messages/waiting-time.ts";
import type { CallContext } from "../../server/unary-handler.ts";
import { confirmOnNoNode } from "../confirm-gone.ts";
import type { ControllerContext } from "../controller-context.ts";
import { requireIncarnation, trustedIncarnation } from "../store-incarnation.ts";
import { DEAD_NODE_REMEDY, isUnstaged, unpublishObstacle } from "./unpublish-obstacle.ts";
import { type UnpublishTarget, unverifiedNamesOf, diskNotRead } from "./unpublished-node.ts";

/**
 * Waits until the record no longer names the node and, unless a replica is kept there or the disk refuses its
 * writes, its attachment is gone. Fails with what the call still waits for.
 */
export async function waitUntilReleased(
  context: ControllerContext,
  target: UnpublishTarget & { readonly isKept: boolean },
  call: CallContext,
): Promise<Result<void>> {
  const { signal } = call;
  const { volume, volumeId, node, isKept } = target;
  const { nodeName } = node;
  const waitMs = waitingTimeMs(context, call, context.limits.waitMaxMs);
  const isReleased = (present: AzVolume | undefined): boolean => {
    if (present === undefined) return true;
    const record = present.status?.record;
    // A volume recreated during the call has no record at first; the record that it gets has no writer,
    // and an unverified node.
    return (
      !isRecordMissing(present) &&
      record?.writer?.nodeName !== nodeName &&
      unverifiedNamesOf(context, record, node).length === 0
    );
  };
  const released = await context.cache.waitUntil(
    "AzVolume",
    volume.metadata.name,
    isReleased,
    waitMs,
    signal,
  );
  if (!released) return fail(whyHeld(context, target));
  const present = context.cache.get("AzVolume", volume.metadata.name);
  if (present === undefined) return confirmOnNoNode(context, volumeId, signal);
  // It was released, or gone: a volume that a person has deleted is made again a moment later.
  if (!isReleased(present)) return fail(whyHeld(context, target));
  const record = present.status?.record;
  // The writer in a restored backup proves nothing.
  const trusted = await trustedIncarnation(context, call);
  if (!trusted.ok) return trusted;
  const required = requireIncarnation(record, trusted.value, volumeId);
  if (!required.ok) return required;
  // Its fence takes the disk off the node, and other nodes need not wait for that.
  if (isNamed(record, nodeName, "preempted")) return ok(undefined);
  const isShared = !isSingleWriter(volume.spec.capabilities);
  if (isKept && !isShared) return ok(undefined);
  if (isKept) return confirmUnstaged(context, target, signal);
  const attachmentName = attachmentObjectName({ diskUri: volumeId, nodeName });
  const detached = await context.cache.waitUntil(
    "AzVolumeAttachment",
    attachmentName,
    (present) => present === undefined,
    waitMs,
    signal,
  );
  if (!detached) {
    const error = context.cache.get("AzVolumeAttachment", attachmentName)?.status?.error;
    return stillWaiting(
      volumeId,
      `its detach from ${nodeName}${error === undefined ? "" : ` (${error.message})`}`,
    );
  }
  if (isShared) return confirmOff(context, volumeId, nodeName, signal);
  // A detach takes long: in that time the node may have been granted the volume again, and its
  // attachment recreated.
  const last = await context.store.get("AzVolume", volume.metadata.name, signal);
  if (!last.ok)
    return last.failure.kind === "ObjectNotFound" ? confirmOnNoNode(context, volumeId, signal) : last;
  context.cache.remember("AzVolume", last.value);
  if (!isReleased(last.value)) return fail(whyHeld(context, target));
  const inUse = await unpublishObstacle(context, { ...target, volume: last.value }, signal);
  return inUse === undefined ? ok(undefined) : fail(inUse);
}

/**
 * That the node had unstaged a volume without a record was read before the store was trusted: if that was
 * rolled back, the rebuild has marked the attachment by now, and the next call has the disk detached. An
 * attachment that names no place yet may have been made again for one that was erased.
 */
async function confirmUnstaged(
  context: ControllerContext,
  { volume, volumeId, node: { nodeName } }: UnpublishTarget,
  signal: AbortSignal,
): Promise<Result<void>> {
  const fresh = await context.store.get("AzVolume", volume.metadata.name, signal);
  if (!fresh.ok) return fresh;
  const own = await readAttachment(context.store, { diskUri: volumeId, nodeName }, signal);
  if (!own.ok && own.failure.kind !== "ObjectNotFound") return own;
  if (own.ok && isUnstaged(own.value) && !isUnmarked(fresh.value))
    return holdsDisk(own.value) ? ok(undefined) : confirmOff(context, volumeId, nodeName, signal);
  return stillWaiting(volumeId, `its detach from ${nodeName}: nothing shows that it has been unstaged there`);
}

/** Without a record only Azure shows whether an attachment was erased while its VM has the disk. */
async function confirmOff(
  { cache, cloud, listDisks, users }: ControllerContext,
  volumeId: string,
  nodeName: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  const disk = await readDiskUnlessGone({ ...cloud, listDisks }, volumeId, signal);
  if (!disk.ok) return disk;
  if (disk.value === undefined) return ok(undefined);
  const vm =
    users.cachedNode(nodeName).instanceUri ?? cache.get("AzDriverNode", nodeName)?.status?.instanceUri;
  const isThere = disk.value.attachedTo.some((owner) => vm !== undefined && isSameResourceUri(owner, vm));
  return isThere
    ? stillWaiting(volumeId, `its detach from ${nodeName}: Azure shows it there, and no object does`)
    : ok(undefined);
}

function whyHeld(context: ControllerContext, { volume, volumeId, node }: UnpublishTarget): Failure {
  const { nodeName } = node;
  const present = context.cache.get("AzVolume", volume.metadata.name);
  if (present !== undefined && isRecordMissing(present)) return diskNotRead(volumeId);
  const record = present?.status?.record;
  const unverified = unverifiedNamesOf(context, record, node);
  if (unverified.length > 0) return { kind: "WriterRecordUnverified", volumeId, nodes: unverified };
  if (record?.fencing?.nodeName === nodeName)
    return { kind: "StillWaiting", volumeId, what: `proof that ${nodeName} is fenced from the disk` };
  // One that is gone can't be marked.
  const remedy =
    node.isLost && !node.isOutOfService
      ? "its Node is gone: if its VM is dead, switch it off or delete it in Azure"
      : DEAD_NODE_REMEDY;
  return { kind: "StillWaiting", volumeId, what: `${nodeName} to unmount and release it; ${remedy}` };
}
