import { releaseCheck } from "../../../controller/writer/release-check.ts";
import { identityOf } from "../../../core/api/identity/node-identity.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { stillWaiting } from "../../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { withdraw } from "../../../core/writer/record/writer-steps.ts";
import { moveRecord } from "../../../objects/update-record.ts";
import type { ControllerContext } from "../controller-context.ts";
import { renewRequest } from "./users-there.ts";

/**
 * Withdraws the request from the record: at once for a node that is out of service or does not hold the
 * volume, else by the release check. The node may hold the volume afterwards: it has yet to release it.
 * Fails with `VolumeInUse` or `StillWaiting` where the release check finds a user, or can't be sure; the
 * request is renewed then.
 */
export async function withdrawFromRecord(
  context: ControllerContext,
  target: {
    readonly volumeName: string;
    readonly volumeId: string;
    readonly nodeName: string;
    readonly isOutOfService: boolean;
  },
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const { volumeName, volumeId, nodeName, isOutOfService } = target;
  const fresh = await context.store.get("AzVolume", volumeName, signal);
  if (!fresh.ok) return fresh.failure.kind === "ObjectNotFound" ? ok(undefined) : fresh;
  // The cache may not show yet what another controller published: the wait for the release starts here.
  context.cache.remember("AzVolume", fresh.value);
  const writer = fresh.value.status?.record?.writer;
  if (writer === undefined || writer.nodeName !== nodeName || !writer.requested) return ok(undefined);
  const node = identityOf(writer);
  if (isOutOfService || !writer.held) {
    const withdrawn = await moveRecord(
      context,
      { volumeName, nodeName, step: "withdraw", volumeRead: fresh.value },
      (record) => withdraw(record, node),
      signal,
    );
    return withdrawn.ok || withdrawn.failure.kind === "NotWriter" ? ok(undefined) : withdrawn;
  }
  const checked = await releaseCheck(context, { volumeName, volumeId, node }, signal);
  if (!checked.ok) return checked;
  if (checked.value.kind === "unused") return ok(undefined);
  const renewed = await renewRequest(context, fresh.value, nodeName, signal);
  if (!renewed.ok) return renewed;
  const { use } = checked.value;
  if (use.kind === "used") return fail({ kind: "VolumeInUse", volumeId, nodeName, users: use.users });
  return stillWaiting(
    volumeId,
    `${nodeName} to release it: it is unknown now whether a workload uses it ` +
      `there${use.kind === "unknown" && use.because !== undefined ? ` (${use.because})` : ""}`,
  );
}
