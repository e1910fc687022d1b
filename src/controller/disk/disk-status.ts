import type { AzVolume, VolumeStatus } from "../../core/api/az-volume.ts";
import { isRecordLost } from "../../core/attachment/observed-volume.ts";
import type { EventReason } from "../../core/events/event-reasons.ts";
import { failureEventText } from "../../core/events/failure-local-key.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { isRetryable } from "../../core/failure/is-retryable.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { toObjectError } from "../../objects/object-error.ts";
import { changeStatus, targetOf } from "../../objects/update-object.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { NO_STATUS } from "../adoption/rebuild-record.ts";
import type { DiskPorts } from "../controller-ports.ts";

export function setStatus(
  ports: DiskPorts,
  volume: AzVolume,
  change: (status: VolumeStatus) => VolumeStatus,
  signal: AbortSignal,
): Promise<Result<AzVolume>> {
  return changeStatus(
    ports.store,
    targetOf(volume),
    (present) => ({ ...present, status: change(present.status ?? NO_STATUS) }),
    signal,
  );
}

/** The status of a disk that has the size that is requested. */
export function updatedStatus(
  { error: _, refusedGrowth: _size, ...status }: VolumeStatus,
  generation: number,
): VolumeStatus {
  return {
    ...status,
    state: status.state === "Created" ? "Created" : "Updated",
    observedGeneration: generation,
    conditions: withoutOfflineResize(status),
  };
}

/** The conditions of a volume whose disk does not grow offline any more. */
export function withoutOfflineResize({ conditions }: VolumeStatus): VolumeStatus["conditions"] {
  return conditions.filter((condition) => condition.type !== "OfflineResize");
}

/**
 * A permanent failure ends in the state that says so; any other is retried. Reported, unless a better
 * event was emitted already.
 */
export async function recordFailure(
  ports: DiskPorts,
  volume: AzVolume,
  failure: Failure,
  signal: AbortSignal,
  {
    isFinal = !isRetryable(failure),
    isReported = false,
  }: { readonly isFinal?: boolean; readonly isReported?: boolean } = {},
): Promise<Reconciled> {
  // The precondition failed: the volume has changed, and the next plan uses the new state.
  if (failure.kind === "Cancelled" || failure.kind === "Refused") return fail(failure);
  const retries = (volume.status?.error?.retries ?? 0) + 1;
  const recorded = await setStatus(
    ports,
    volume,
    (status) => ({
      ...status,
      error: toObjectError(failure, { nowMs: ports.clock.nowMs(), retries }),
      ...(isFinal
        ? {
            state: failedState(volume),
            observedGeneration: volume.metadata.generation,
            ...refusedGrowthOf(volume),
            conditions: withoutOfflineResize(status),
          }
        : {}),
    }),
    signal,
  );
  if (!recorded.ok) return ignoreNotFound(recorded);
  if (!isReported) emitFailure(ports, volume, failure, isFinal);
  return isFinal ? ok({}) : fail(failure);
}

/** Emits an event on the volume, and on the claim and the pods that wait for it. */
function emitFailure(ports: DiskPorts, volume: AzVolume, failure: Failure, isFinal: boolean): void {
  const [reason, what] = failedChange(volume, isFinal);
  ports.events.emit({
    about: { kind: "AzVolume", name: volume.metadata.name },
    reason,
    ...failureEventText(what, failure),
  });
}

function failedChange(volume: AzVolume, isFinal: boolean): readonly [reason: EventReason, what: string] {
  switch (failedState(volume)) {
    case "DeletionFailed":
      return ["DeletionDelayed", "the disk could not be deleted"];
    case "UpdateFailed":
      return isRecordLost(volume)
        ? ["RecordNotRebuilt", "the volume's record was removed, and could not be rebuilt"]
        : ["ExpansionFailed", "the disk could not be grown"];
    default:
      return [isFinal ? "CreationFailed" : "CreationDelayed", "the disk could not be made"];
  }
}

function failedState(volume: AzVolume): VolumeStatus["state"] {
  if (volume.metadata.deletionTimestamp !== undefined) return "DeletionFailed";
  return volume.status?.detail === undefined ? "CreationFailed" : "UpdateFailed";
}

/** The size that a growth was refused, which other changes of the spec do not request again. */
function refusedGrowthOf(volume: AzVolume): Pick<VolumeStatus, "refusedGrowth"> {
  const { spec, status } = volume;
  return status?.detail === undefined || failedState(volume) !== "UpdateFailed"
    ? {}
    : { refusedGrowth: { sizeGiB: spec.disk.sizeGiB, skuName: status.detail.skuName } };
}
