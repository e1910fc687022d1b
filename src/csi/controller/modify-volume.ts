import type { AzVolume, DiskModification } from "../../core/api/az-volume.ts";
import { isDeleting } from "../../core/attachment/observed-volume.ts";
import { deletionInProgress, stillWaiting } from "../../core/failure/frequent-failures.ts";
import { isRetryable } from "../../core/failure/is-retryable.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { sameJson } from "../../core/primitives/same-json.ts";
import { whyNoFirstAttach } from "../../core/volume/copies/copy-progress.ts";
import { knownBursting } from "../../core/volume/modification/late-modification.ts";
import { checkModification, parseModification } from "../../core/volume/modification/volume-modification.ts";
import { otherDiskThan } from "../../core/volume/replaced-disk.ts";
import { fromObjectError } from "../../objects/object-error.ts";
import { otherSku, requestLook } from "../../objects/request-look.ts";
import { changeSpec, targetOf } from "../../objects/update-object.ts";
import type { ControllerModifyVolumeRequest, ControllerModifyVolumeResponse } from "../gen/csi/v1/csi.ts";
import { missingField } from "../messages/required.ts";
import type { CallContext } from "../server/unary-handler.ts";
import type { ControllerContext } from "./controller-context.ts";
import { findOrAdoptUnpublished } from "./find-or-adopt.ts";
import { waitForVolume } from "./wait-for-volume.ts";

/**
 * ControllerModifyVolume: records the request and answers once the disk is as requested, or Azure has
 * refused it. A conversion that continues in the background is not waited for. A later request replaces an
 * earlier one, so calls for one volume are not serialised. Fails with `DiskCopyFailed` where the disk is a
 * failed copy that no node has had.
 */
export async function modifyVolume(
  context: ControllerContext,
  request: ControllerModifyVolumeRequest,
  call: CallContext,
): Promise<Result<ControllerModifyVolumeResponse>> {
  const { volumeId, mutableParameters } = request;
  const missing = missingField({ volume_id: volumeId });
  if (missing !== undefined) return fail(missing);
  const change = parseModification(mutableParameters);
  if (!change.ok) return change;
  const volume = await findOrAdoptUnpublished(context, volumeId, undefined, call.signal);
  if (!volume.ok) return volume;
  const { spec, status } = volume.value;
  if (isDeleting(volume.value)) return fail(deletionInProgress(volumeId));
  if (status?.detail === undefined) return stillWaiting(volumeId, "its disk to be created");
  const possible = checkModification(change.value, { detail: status.detail, disk: spec.disk });
  if (!possible.ok) {
    const known = await requireKnownDisk(context, volume.value, volumeId, call.signal);
    return known.ok ? possible : known;
  }
  if (Object.keys(change.value).length === 0) return ok({});
  const failedCopy = whyNoFirstAttach(volume.value);
  if (failedCopy !== undefined) return fail(failedCopy);
  const requested = await requestModification(context, volume.value, change.value, call.signal);
  return requested.ok
    ? waitForOutcome(context, { requested: requested.value, volumeId, change: change.value }, call)
    : requested;
}

/**
 * No class is refused for good by a SKU, or by bursting, that another client has changed. A disk that is gone
 * has neither, and what one has that was made again under its name is never recorded: no look is awaited.
 */
async function requireKnownDisk(
  context: ControllerContext,
  volume: AzVolume,
  volumeId: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  const disk = await context.cloud.getDisk({ diskUri: volumeId }, signal);
  if (!disk.ok) return isRetryable(disk.failure) ? disk : ok(undefined);
  const replaced = otherDiskThan(volume, disk.value);
  if (replaced !== undefined) return fail(replaced);
  const { skuName, burstingEnabled } = disk.value;
  const hasSku = ({ status }: AzVolume): boolean =>
    status?.detail?.skuName.toLowerCase() === skuName.toLowerCase();
  const isKnown = (present: AzVolume): boolean =>
    hasSku(present) && knownBursting(present) === burstingEnabled;
  if (isKnown(volume)) return ok(undefined);
  const change = hasSku(volume)
    ? `its bursting to be recorded, which another client has ${burstingEnabled ? "begun" : "ended"}`
    : otherSku(skuName);
  return requestLook(context, volume, { diskUri: volumeId, change }, isKnown, signal);
}

/** Always requests, also what the object says the disk has: only Azure knows what it has. */
function requestModification(
  { store, steps }: ControllerContext,
  volume: AzVolume,
  modification: DiskModification,
  signal: AbortSignal,
): Promise<Result<AzVolume>> {
  const set = (present: AzVolume): AzVolume | undefined =>
    sameJson(present.spec.modification, modification)
      ? undefined
      : { ...present, spec: { ...present.spec, modification } };
  return steps.run("request-modification", () => changeSpec(store, targetOf(volume), set, signal));
}

async function waitForOutcome(
  context: ControllerContext,
  { requested, volumeId, change }: { requested: AzVolume; volumeId: string; change: DiskModification },
  call: CallContext,
): Promise<Result<ControllerModifyVolumeResponse>> {
  const outcomeIn = (present: AzVolume): NonNullable<AzVolume["status"]>["modification"] => {
    const outcome = present.status?.modification;
    const isOurs = outcome !== undefined && sameJson(outcome.requested, change);
    return isOurs && outcome.observedGeneration >= requested.metadata.generation ? outcome : undefined;
  };
  const isReplaced = (present: AzVolume): boolean => !sameJson(present.spec.modification, change);
  const isDone = (present: AzVolume): boolean =>
    outcomeIn(present) !== undefined || isReplaced(present) || isDeleting(present);
  const volume = await waitForVolume(context, requested, isDone, call);
  if (volume === undefined) return stillWaiting(volumeId, "its AzVolume, which was deleted during the call");
  const outcome = outcomeIn(volume);
  if (outcome !== undefined && outcome.error === undefined) return ok({});
  const failure = fromObjectError(outcome?.error);
  if (failure !== undefined) return fail(failure);
  if (isDeleting(volume)) return fail(deletionInProgress(volumeId));
  if (isReplaced(volume))
    return fail({ kind: "OperationInProgress", volumeId, operation: "another ControllerModifyVolume" });
  return stillWaiting(volumeId, "its disk to be modified", volume.status?.error);
}
