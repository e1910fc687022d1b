import type { AzVolume, DiskModification, VolumeStatus } from "../../core/api/az-volume.ts";
import { failureEventText } from "../../core/events/failure-local-key.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { invariant } from "../../core/failure/invariant.ts";
import { isRetryable } from "../../core/failure/is-retryable.ts";
import { fail } from "../../core/failure/result.ts";
import { sameJson } from "../../core/primitives/same-json.ts";
import { conversionNews, withConversion } from "../../core/volume/modification/conversion-progress.ts";
import { recentlyMade } from "../../core/volume/modification/late-modification.ts";
import {
  withoutModification,
  type ModificationAction,
} from "../../core/volume/modification/plan-modification.ts";
import { otherDiskThan, ownIdentity } from "../../core/volume/replaced-disk.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { toObjectError } from "../../objects/object-error.ts";
import { changeSpec, changeVolumeStatus, targetOf } from "../../objects/update-object.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import type { DiskPorts } from "../controller-ports.ts";
import { isKept, mayWriteDisk } from "./may-write-disk.ts";

/** What is asked of Azure, and in which incarnation of the store. */
interface ModificationRequest {
  readonly change: DiskModification;
  readonly storeIncarnation: number;
}

/**
 * Changes a disk as the spec's modification asks, and records how that ended for this generation of the
 * spec. A later request replaces an earlier one, also between two tries.
 */
export async function modifyDisk(
  ports: DiskPorts,
  volume: AzVolume,
  { diskUri, change }: Extract<ModificationAction, { kind: "ModifyDisk" }>,
  signal: AbortSignal,
): Promise<Reconciled> {
  const isRequested = (present: AzVolume): boolean =>
    isKept(present) && sameJson(present.spec.modification, change);
  // Of the record that was read: without one, the outcome is trusted in the first incarnation only.
  const request = { change, storeIncarnation: volume.status?.record?.storeIncarnation ?? 0 };
  const modified = await ports.steps.run("modify-disk", () =>
    ports.cloud.updateDisk(
      {
        diskUri,
        ...ownIdentity(volume),
        change,
        precondition: mayWriteDisk(ports, volume, isRequested),
      },
      signal,
    ),
  );
  if (!modified.ok)
    return recordModificationFailure(
      ports,
      volume,
      request,
      withReplicas(ports, volume, modified.failure),
      signal,
    );
  const disk = modified.value;
  const nowMs = ports.clock.nowMs();
  const recorded = await recordOutcome(
    ports,
    volume,
    request,
    { change: (status) => modifiedStatus(status, disk, nowMs) },
    signal,
  );
  // What Azure shows of a copy that still runs is read, and reported, by the copy's own look.
  if (recorded.ok && volume.status?.copy === undefined) emitConversion(ports, volume, disk);
  if (recorded.ok)
    ports.logger.info("disk modified", { volumeName: volume.metadata.name, skuName: disk.skuName });
  return recorded;
}

/** Takes the request out of the spec, unless another one has replaced it, and shows there what Azure has. */
export async function endModification(
  ports: DiskPorts,
  volume: AzVolume,
  { diskUri, made }: Extract<ModificationAction, { kind: "EndModification" }>,
  signal: AbortSignal,
): Promise<Reconciled> {
  const disk = await ports.cloud.getDisk({ diskUri }, signal);
  if (!disk.ok && disk.failure.kind !== "DiskNotFound") return disk;
  // One that was made again under its name is not what the volume is made from, as one that is gone.
  const shown = disk.ok && otherDiskThan(volume, disk.value) === undefined ? disk.value : undefined;
  const end = (present: AzVolume): AzVolume | undefined =>
    present.metadata.generation === volume.metadata.generation
      ? { ...present, spec: withoutModification(present.spec, shown, made) }
      : undefined;
  const ended = await ports.steps.run("end-modification", () =>
    changeSpec(ports.store, targetOf(volume), end, signal),
  );
  return ignoreNotFound(ended);
}

/** Reads how far a conversion in the background is, and reports steps of it and its end. */
export async function readConversion(
  ports: DiskPorts,
  volume: AzVolume,
  diskUri: string,
  signal: AbortSignal,
): Promise<Reconciled> {
  const disk = await ports.cloud.getDisk({ diskUri }, signal);
  if (!disk.ok) return disk;
  const replaced = otherDiskThan(volume, disk.value);
  if (replaced !== undefined) return fail(replaced);
  const nowMs = ports.clock.nowMs();
  const { completionPercent } = disk.value;
  const shown = (status: VolumeStatus): VolumeStatus => withConversion(status, completionPercent, nowMs);
  const recorded = ignoreNotFound(await changeVolumeStatus(ports.store, volume, shown, signal));
  if (recorded.ok) emitConversion(ports, volume, disk.value);
  return recorded;
}

function emitConversion(
  { events }: DiskPorts,
  { metadata: { name }, status }: AzVolume,
  { completionPercent, skuName }: DiskFacts,
): void {
  const news = conversionNews(status?.conversion?.percent, completionPercent);
  if (news === undefined) return;
  const reason = completionPercent === undefined ? "Converted" : "Converting";
  events.emit({
    about: { kind: "AzVolume", name },
    reason,
    message: `the disk is ${skuName} now: ${news}`,
  });
}

function modifiedStatus({ error: _, ...status }: VolumeStatus, disk: DiskFacts, nowMs: number): VolumeStatus {
  invariant(status.detail !== undefined, "a volume without a disk was modified");
  const { skuName, maxShares, location, zones, burstingEnabled } = disk;
  const shown = { skuName, maxShares, location, zones: [...zones], burstingEnabled };
  const modified = { ...status, detail: { ...status.detail, ...shown } };
  return status.copy === undefined ? withConversion(modified, disk.completionPercent, nowMs) : modified;
}

/** Replicas keep a disk in use after its last pod has ended. */
function withReplicas({ settings }: DiskPorts, { spec }: AzVolume, failure: Failure): Failure {
  return failure.kind === "DiskInUse" && spec.maxMountReplicaCount > 0
    ? { ...failure, replicasKeptMs: settings.pruneReplicasAfterMs }
    : failure;
}

/** A refusal ends the request: the disk stays as it is, and the caller may ask for something else. */
async function recordModificationFailure(
  ports: DiskPorts,
  volume: AzVolume,
  request: ModificationRequest,
  failure: Failure,
  signal: AbortSignal,
): Promise<Reconciled> {
  // Refused: the volume has changed, and the next plan uses that.
  if (failure.kind === "Cancelled" || failure.kind === "Refused") return fail(failure);
  const nowMs = ports.clock.nowMs();
  if (isRetryable(failure) && failure.kind !== "DiskInUse") {
    const retries = (volume.status?.error?.retries ?? 0) + 1;
    const error = toObjectError(failure, { nowMs, retries });
    const withError = (status: VolumeStatus): VolumeStatus => ({ ...status, error });
    const recorded = ignoreNotFound(await changeVolumeStatus(ports.store, volume, withError, signal));
    return recorded.ok ? fail(failure) : recorded;
  }
  const error = toObjectError(failure, { nowMs, retries: 0 });
  const { name } = volume.metadata;
  const recorded = await recordOutcome(
    ports,
    volume,
    request,
    { change: ({ error: _, ...status }) => status, error },
    signal,
  );
  if (recorded.ok)
    ports.events.emit({
      about: { kind: "AzVolume", name },
      reason: "ModificationFailed",
      ...failureEventText("the disk was not modified", failure),
    });
  return recorded;
}

async function recordOutcome(
  ports: DiskPorts,
  volume: AzVolume,
  { change: requested, storeIncarnation }: ModificationRequest,
  {
    change,
    error,
  }: { readonly change: (status: VolumeStatus) => VolumeStatus; readonly error?: VolumeStatus["error"] },
  signal: AbortSignal,
): Promise<Reconciled> {
  const observedGeneration = volume.metadata.generation;
  const modification = { requested, observedGeneration, ...(error === undefined ? {} : { error }) };
  const at = { nowMs: ports.clock.nowMs(), storeIncarnation };
  const outcome = ({ recentModification: before, ...status }: VolumeStatus): VolumeStatus => {
    const recentModification = recentlyMade(before, { requested, isMade: error === undefined }, at);
    return {
      ...change(status),
      modification,
      ...(recentModification === undefined ? {} : { recentModification }),
    };
  };
  return ignoreNotFound(await changeVolumeStatus(ports.store, volume, outcome, signal));
}
