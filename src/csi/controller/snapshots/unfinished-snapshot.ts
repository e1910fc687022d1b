import type { AzVolume } from "../../../core/api/az-volume.ts";
import { isSameResourceUri, parseDiskUri } from "../../../core/azure/ids/disk-uri.ts";
import { isRetryable } from "../../../core/failure/is-retryable.ts";
import { ok, type Result } from "../../../core/failure/result.ts";
import { mayCopySnapshots, recentSnapshotsOf } from "../../../core/volume/copies/recent-snapshots.ts";
import { hasFailed } from "../../../core/volume/copies/unfinished-copy.ts";
import { isOfEarlierDisk } from "../../../core/volume/replaced-disk.ts";
import type { SnapshotFacts } from "../../../ports/cloud/snapshot-provisioner.ts";
import type { ControllerContext } from "../controller-context.ts";
import { groupsOf } from "./list-snapshots.ts";

/**
 * A snapshot for which a volume's disk is needed as it is: Azure still makes or copies it, or may be about to
 * make it (`isShown` is false). Undefined: there is none. Only of disks whose snapshots Azure copies in the
 * background.
 */
export async function findPendingSnapshot(
  context: ControllerContext,
  volume: AzVolume,
  diskUri: string,
  signal: AbortSignal,
): Promise<Result<{ readonly snapshotUri: string; readonly isShown: boolean } | undefined>> {
  const listed = mayCopySnapshots(volume)
    ? await findUnfinishedSnapshot(context, volume, diskUri, signal)
    : ok(undefined);
  if (!listed.ok) return listed;
  return listed.value === undefined
    ? findRecentSnapshot(context, volume, signal)
    : ok({ snapshotUri: listed.value.snapshotUri, isShown: true });
}

/**
 * A snapshot of a volume's disk that Azure still makes, or copies in the background, of those in the groups
 * that ListSnapshots looks at; undefined: there is none. A group that can't be listed for good is left out,
 * with a warning. `volume` was read past the cache, which may lack a group that another controller has just
 * noted.
 */
async function findUnfinishedSnapshot(
  { snapshots, cloud, logger, diskUriOf }: ControllerContext,
  volume: AzVolume,
  diskUri: string,
  signal: AbortSignal,
): Promise<Result<SnapshotFacts | undefined>> {
  const clusterGroup = parseDiskUri(diskUriOf({ diskName: "any" }))?.resourceGroup.toLowerCase();
  // Most disks are in the cluster's group, which is listed without a name.
  const groups = groupsOf([volume], diskUri).filter((group) => group !== clusterGroup);
  for (const resourceGroup of groups) {
    const listed = await snapshots.listSnapshots({ resourceGroup }, signal);
    if (!listed.ok && isRetryable(listed.failure)) return listed;
    if (!listed.ok)
      logger.warn("snapshots of a resource group not listed", { resourceGroup, failure: listed.failure });
    const unfinished = (listed.ok ? listed.value : []).filter(
      (snapshot) => isUnfinished(snapshot) && isSameResourceUri(snapshot.sourceUri, diskUri),
    );
    const found = await findOfDisk(cloud, unfinished, diskUri, signal);
    if (!found.ok || found.value !== undefined) return found;
  }
  return ok(undefined);
}

/**
 * A snapshot that a volume has a note of, and that Azure does not show or still copies; undefined: each is
 * made and complete, or has failed. Each is read: a list may be older than the request, and the disk grows
 * behind this look.
 */
async function findRecentSnapshot(
  { snapshots, clock }: ControllerContext,
  volume: AzVolume,
  signal: AbortSignal,
): Promise<Result<{ readonly snapshotUri: string; readonly isShown: boolean } | undefined>> {
  for (const { snapshotUri } of recentSnapshotsOf(volume, clock.nowMs())) {
    const read = await snapshots.getSnapshot({ snapshotUri }, signal);
    if (!read.ok && read.failure.kind !== "SnapshotNotFound") return read;
    if (!read.ok || isUnfinished(read.value)) return ok({ snapshotUri, isShown: read.ok });
  }
  return ok(undefined);
}

/** The first that is of the very disk: an earlier one of its name may have snapshots, too. */
async function findOfDisk(
  cloud: ControllerContext["cloud"],
  snapshots: readonly SnapshotFacts[],
  diskUri: string,
  signal: AbortSignal,
): Promise<Result<SnapshotFacts | undefined>> {
  if (snapshots.length === 0) return ok(undefined);
  const disk = await cloud.getDisk({ diskUri }, signal);
  if (!disk.ok) return disk;
  return ok(
    snapshots.find(
      ({ sourceUniqueId, createdAtMs }) =>
        !isOfEarlierDisk({ sourceUniqueId, madeAtMs: createdAtMs }, disk.value),
    ),
  );
}

/** A snapshot that Azure has only begun to make shows no copy yet: that follows within moments. */
function isUnfinished(snapshot: SnapshotFacts): boolean {
  return snapshot.isBeingCopied || !(snapshot.isTaken || hasFailed(snapshot));
}
