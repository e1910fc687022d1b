import type { AzVolume } from "../../../core/api/az-volume.ts";
import { diskNameOf } from "../../../core/api/object-names.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { deletionInProgress } from "../../../core/failure/frequent-failures.ts";
import { isRetryable } from "../../../core/failure/is-retryable.ts";
import { ok, type Result } from "../../../core/failure/result.ts";
import { hasFailedForGood } from "../../../core/volume/has-failed-for-good.ts";
import type { CallContext } from "../../server/unary-handler.ts";
import type { ControllerContext } from "../controller-context.ts";
import { markDeleted } from "./mark-deleted.ts";
import { untilDeleted } from "./retry-deletion.ts";

/**
 * Deletes the object of a volume that could not be made, for another request under its name: the call that
 * was to delete it has ended before. Answers whether it is gone. It stays where Azure shows its disk, or does
 * not say that there is none, and where it was made for an existing disk. Fails as Azure or the store does.
 */
export async function clearFailedCreation(
  context: ControllerContext,
  volume: AzVolume,
  call: CallContext,
): Promise<Result<boolean>> {
  const { spec, status } = volume;
  if (
    !hasFailedForGood(volume, "CreationFailed") ||
    spec.diskUri !== undefined ||
    status?.detail !== undefined
  )
    return ok(false);
  const diskUri = context.diskUriOf({ ...spec.disk, diskName: diskNameOf(spec) });
  const disk = await context.cloud.getDisk({ diskUri }, call.signal);
  if (disk.ok) return ok(false);
  if (disk.failure.kind !== "DiskNotFound") return isRetryable(disk.failure) ? disk : ok(false);
  const inProgress = deletionInProgress(spec.volumeName);
  const objection = (present: AzVolume): Failure | undefined =>
    hasFailedForGood(present, "CreationFailed") || present.spec.deleteRequested ? undefined : inProgress;
  const marked = await markDeleted(context, volume, objection, call.signal);
  if (!marked.ok) return marked;
  const deleted = await untilDeleted(context, volume, call);
  return deleted.ok ? ok(true) : deleted;
}
