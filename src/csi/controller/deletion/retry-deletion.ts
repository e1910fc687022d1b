import type { AzVolume } from "../../../core/api/az-volume.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { deletionInProgress } from "../../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { hasFailedForGood } from "../../../core/volume/has-failed-for-good.ts";
import { fromObjectError } from "../../../objects/object-error.ts";
import { changeVolumeStatus } from "../../../objects/update-object.ts";
import type { CallContext } from "../../server/unary-handler.ts";
import type { ControllerContext } from "../controller-context.ts";
import { waitForVolume } from "../wait-for-volume.ts";

/** Whether the deletion of a volume's disk has failed for good: no loop tries it again by itself. */
export function hasDeletionFailed(volume: AzVolume): boolean {
  return hasFailedForGood(volume, "DeletionFailed");
}

/**
 * Why the deletion of a volume's disk has failed for good; undefined: it has not, or for a reason that only a
 * later version of the driver knows.
 */
export function deletionFailure(volume: AzVolume): Failure | undefined {
  return hasDeletionFailed(volume) ? fromObjectError(volume.status?.error) : undefined;
}

/**
 * Retries a deletion that had failed for good, because this call asks for it. Answers the volume after that;
 * undefined: it is gone.
 */
export async function retryDeletion(
  context: ControllerContext,
  volume: AzVolume,
  signal: AbortSignal,
): Promise<Result<AzVolume | undefined>> {
  if (!hasDeletionFailed(volume)) return ok(volume);
  const restarted = await changeVolumeStatus(
    context.store,
    volume,
    (status, present) => (hasDeletionFailed(present) ? { ...status, state: "Deleting" } : undefined),
    signal,
  );
  return !restarted.ok && restarted.failure.kind === "ObjectNotFound" ? ok(undefined) : restarted;
}

/** Waits until a volume is deleted. Fails as its deletion does, and with `OperationInProgress` until then. */
export async function untilDeleted(
  context: ControllerContext,
  volume: AzVolume,
  call: CallContext,
): Promise<Result<void>> {
  const left = await waitForVolume(context, volume, hasDeletionFailed, call);
  if (left === undefined) return ok(undefined);
  return fail(deletionFailure(left) ?? deletionInProgress(volume.spec.volumeName));
}
