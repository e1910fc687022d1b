import type { AzVolume } from "../../core/api/az-volume.ts";
import { parseSnapshotUri } from "../../core/azure/ids/snapshot-uri.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, type Result } from "../../core/failure/result.ts";
import { type RecentSnapshot, unlookedSnapshot } from "../../core/volume/copies/recent-snapshots.ts";
import { isGrowthRefused } from "../../core/volume/is-growth-refused.ts";
import { changeSpec, changeStatus } from "../../objects/update-object.ts";
import type { ControllerContext } from "./controller-context.ts";

/**
 * Asks for a size of a volume's disk. `volume` is as it was read when its snapshots were looked at: a growth
 * is refused where the store has the note of another one by now. A growth removes the notes of those that
 * were looked at: they are in no disk's way any more.
 */
export async function askForSize(
  context: ControllerContext,
  volume: AzVolume,
  sizeGiB: number,
  signal: AbortSignal,
): Promise<Result<AzVolume, Failure>> {
  const { name, uid } = volume.metadata;
  const target = { kind: "AzVolume", name, uid } as const;
  let inTheWay: RecentSnapshot | undefined;
  const isFree = (present: AzVolume): boolean => {
    inTheWay = unlookedSnapshot(present, volume, context.clock.nowMs());
    return inTheWay === undefined;
  };
  const request = (present: AzVolume): AzVolume | undefined => {
    const { spec, status } = present;
    // A larger size may be under way, unless it has failed: then a user may have lowered the claim.
    const isCovered = spec.disk.sizeGiB > sizeGiB && !isGrowthRefused(present);
    if (spec.disk.sizeGiB === sizeGiB || isCovered) return undefined;
    const asked = { ...spec, disk: { ...spec.disk, sizeGiB } };
    if (sizeGiB <= (status?.detail?.sizeGiB ?? 0)) return { ...present, spec: asked };
    const { recentSnapshots: _, ...growing } = asked;
    return isFree(present) ? { ...present, spec: growing } : undefined;
  };
  const asked = await context.steps.run("request-size", () =>
    changeSpec(context.store, target, request, signal),
  );
  if (inTheWay !== undefined) return refuseSize(context, volume, sizeGiB, waitToBeMade(volume, inTheWay));
  if (!asked.ok || !isGrowthRefused(asked.value)) return asked;
  // This size was requested before, and it failed: a repeated call asks for another try.
  const again = (present: AzVolume): AzVolume | undefined => {
    if (present.status === undefined || !isGrowthRefused(present) || !isFree(present)) return undefined;
    const { error: _, refusedGrowth: _size, ...status } = present.status;
    return { ...present, status: { ...status, state: "Created" } };
  };
  const repeated = await context.steps.run("request-size", () =>
    changeStatus(context.store, target, again, signal),
  );
  return inTheWay === undefined
    ? repeated
    : refuseSize(context, volume, sizeGiB, waitToBeMade(volume, inTheWay));
}

/** Fails, with an event for the claim and its pods that says why the disk does not grow. */
export function refuseSize(
  { events }: Pick<ControllerContext, "events">,
  { metadata: { name } }: AzVolume,
  sizeGiB: number,
  obstacle: Failure,
): Result<never, Failure> {
  const message = `the disk did not grow to ${sizeGiB} GiB: ${describeFailure(obstacle)}`;
  events.emit({ about: { kind: "AzVolume", name }, reason: "NotExpanded", message });
  return fail(obstacle);
}

/** Why a disk is not to grow now: Azure still copies a snapshot of it. */
export function waitToBeCopied(volume: AzVolume, snapshot: { readonly snapshotUri: string }): Failure {
  return waitFor(volume, snapshot, "to be complete", "delete it to grow the disk now");
}

/**
 * The same of a snapshot that Azure may be about to make. Its deletion ends nothing: csi-snapshotter repeats
 * the request until it has a handle, also once the VolumeSnapshot is deleted.
 */
export function waitToBeMade(volume: AzVolume, snapshot: { readonly snapshotUri: string }): Failure {
  return waitFor(
    volume,
    snapshot,
    "to be made, which was asked for in the last 20 minutes",
    "the disk grows once Azure has made or refused it, or 20 minutes after the last request for it",
  );
}

/** UNAVAILABLE: nothing has begun, and the end of a snapshot is no matter of the caller. */
function waitFor(
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
