import type { AzVolume, VolumeStatus } from "../../core/api/az-volume.ts";
import { parseSnapshotUri } from "../../core/azure/ids/snapshot-uri.ts";
import { failureEventText } from "../../core/events/failure-local-key.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, type Result } from "../../core/failure/result.ts";
import { type RecentSnapshot, unseenSnapshot } from "../../core/volume/copies/recent-snapshots.ts";
import { isGrowthRefused } from "../../core/volume/is-growth-refused.ts";
import { changeSpec, changeVolumeStatus, targetOf } from "../../objects/update-object.ts";
import type { ControllerContext } from "./controller-context.ts";

/**
 * Requests a size for a volume's disk. `volume` is the version whose recent snapshots the caller has checked:
 * a growth is refused where the store now has the note of another snapshot. A granted growth removes the
 * notes of the checked ones, which block nothing any more.
 */
export async function requestSize(
  context: ControllerContext,
  volume: AzVolume,
  sizeGiB: number,
  signal: AbortSignal,
): Promise<Result<AzVolume>> {
  let inTheWay: RecentSnapshot | undefined;
  const isFree = (present: AzVolume): boolean => {
    inTheWay = unseenSnapshot(present, volume, context.clock.nowMs());
    return inTheWay === undefined;
  };
  const request = (present: AzVolume): AzVolume | undefined => {
    const { spec, status } = present;
    // A larger size may be under way, unless it has failed: then a user may have lowered the claim.
    const isCovered = spec.disk.sizeGiB > sizeGiB && !isGrowthRefused(present);
    if (spec.disk.sizeGiB === sizeGiB || isCovered) return undefined;
    const resized = { ...spec, disk: { ...spec.disk, sizeGiB } };
    if (sizeGiB <= (status?.detail?.sizeGiB ?? 0)) return { ...present, spec: resized };
    const { recentSnapshots: _, ...growing } = resized;
    return isFree(present) ? { ...present, spec: growing } : undefined;
  };
  const requested = await context.steps.run("request-size", () =>
    changeSpec(context.store, targetOf(volume), request, signal),
  );
  if (inTheWay !== undefined) return refuseSize(context, volume, sizeGiB, stillToBeMade(volume, inTheWay));
  if (!requested.ok || !isGrowthRefused(requested.value)) return requested;
  // This size was requested before, and it failed: a repeated call asks for another try.
  const again = (
    { error: _, refusedGrowth: _size, ...status }: VolumeStatus,
    present: AzVolume,
  ): VolumeStatus | undefined =>
    isGrowthRefused(present) && isFree(present) ? { ...status, state: "Created" } : undefined;
  const repeated = await context.steps.run("request-size", () =>
    changeVolumeStatus(context.store, volume, again, signal),
  );
  return inTheWay === undefined
    ? repeated
    : refuseSize(context, volume, sizeGiB, stillToBeMade(volume, inTheWay));
}

/** Fails, with an event for the claim and its pods that says why the disk does not grow. */
export function refuseSize(
  { events }: ControllerContext,
  { metadata: { name } }: AzVolume,
  sizeGiB: number,
  obstacle: Failure,
): Result<never> {
  events.emit({
    about: { kind: "AzVolume", name },
    reason: "NotExpanded",
    ...failureEventText(`the disk did not grow to ${sizeGiB} GiB`, obstacle),
  });
  return fail(obstacle);
}

/** Why a disk is not to grow now: Azure still copies a snapshot of it. */
export function stillBeingCopied(volume: AzVolume, snapshot: { readonly snapshotUri: string }): Failure {
  return snapshotPending(volume, snapshot, "to be complete", "delete it to grow the disk now");
}

/**
 * The same of a snapshot that Azure may be about to make. Its deletion ends nothing: csi-snapshotter repeats
 * the request until it has a handle, also once the VolumeSnapshot is deleted.
 */
export function stillToBeMade(volume: AzVolume, snapshot: { readonly snapshotUri: string }): Failure {
  return snapshotPending(
    volume,
    snapshot,
    "to be made, which was requested in the last 20 minutes",
    "the disk grows once Azure has made or refused it, or 20 minutes after the last request for it",
  );
}

/** UNAVAILABLE: nothing has begun, and the caller can do nothing about the snapshot but wait. */
function snapshotPending(
  { spec, status, metadata }: AzVolume,
  { snapshotUri }: { readonly snapshotUri: string },
  end: string,
  remedy: string,
): Failure {
  const name = parseSnapshotUri(snapshotUri)?.name ?? snapshotUri;
  const what =
    `its snapshot ${name} ${end}: Azure fails a snapshot that it still copies where the disk grows; ` +
    remedy;
  return { kind: "StillWaiting", volumeId: status?.detail?.diskUri ?? spec.diskUri ?? metadata.name, what };
}
