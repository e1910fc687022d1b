import type { AzVolume } from "../../core/api/az-volume.ts";
import { diskUriOf } from "../../core/api/identity/disk-uri-of.ts";
import { parseDiskUri, resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { isRetryable } from "../../core/failure/is-retryable.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { fromTimestamp } from "../../core/primitives/timestamp.ts";
import { saysDiskGone } from "../../core/volume/says-disk-gone.ts";
import { nodesIn } from "../../core/writer/record/record-nodes.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { AdoptionPorts } from "../controller-ports.ts";
import { clusterOf } from "../disk/disk-tags.ts";
import { isGeneral, oneToReport } from "../try-each.ts";
import type { DiskLists } from "./recover-volumes.ts";

/** Least age of an unclaimed disk, in milliseconds: its PersistentVolume is created after CreateVolume. */
const UNCLAIMED_AFTER_MS = 3_600_000;

/** The result of one pass over the volumes that no PersistentVolume names. */
export interface UnnamedVolumes {
  readonly pruned: number;
  /** Disks of this cluster that exist, cost money, and that nothing in it names. */
  readonly unclaimed: number;
}

/**
 * Deletes the AzVolumes of disks that no longer exist in Azure, where no volume of the cluster names the disk
 * and no node has it attached. Such a disk was retained when its PersistentVolume went, and deleted later: no
 * DeleteVolume call would follow. What is deleted here is examined like a manual deletion: if the disk exists
 * after all, the object is recreated. `lists` need not be listed again: a disk that is missing there is read.
 * Existing disks are reported (`UnclaimedDisk`) and never deleted: they may hold a volume's only data.
 */
export async function pruneVolumes(
  { lists = new Map(), ...ports }: AdoptionPorts & { readonly lists?: Pick<DiskLists, "get"> },
  signal: AbortSignal,
): Promise<Result<UnnamedVolumes>> {
  await ports.clusterVolumes.untilSynced(signal);
  const unnamed = ports.cache.list("AzVolume").flatMap((volume) => {
    const diskUri = diskUriOf(volume);
    return diskUri === undefined || !isIdle(ports, volume) || ports.clusterVolumes.isNamed(diskUri)
      ? []
      : [{ volume, diskUri }];
  });
  let [pruned, unclaimed] = [0, 0];
  let failed: Failure | undefined;
  for (const [resourceGroup, volumes] of Map.groupBy(unnamed, ({ diskUri }) =>
    parseDiskUri(diskUri)?.resourceGroup.toLowerCase(),
  )) {
    const known = resourceGroup === undefined ? undefined : lists.get(resourceGroup);
    const listed = known === undefined ? await ports.cloud.listDisks({ resourceGroup }, signal) : ok(known);
    if (!listed.ok && !saysDiskGone(listed.failure)) {
      // Where the list is refused for good, a read alone does not show that a disk is gone either.
      if (!isRetryable(listed.failure)) continue;
      failed = oneToReport(failed, listed.failure);
      if (signal.aborted || isGeneral(failed)) return fail(failed);
      continue;
    }
    // A group that is gone has no list: each of its disks is read.
    const present = new Map(
      listed.ok ? listed.value.map((disk) => [resourceUriKey(disk.diskUri), disk]) : [],
    );
    for (const { volume, diskUri } of volumes) {
      const there = present.get(resourceUriKey(diskUri));
      if (there !== undefined) {
        if (reportUnclaimed(ports, volume, there)) unclaimed += 1;
        continue;
      }
      const disk = await ports.cloud.getDisk({ diskUri }, signal);
      if (disk.ok || !saysDiskGone(disk.failure)) continue;
      const deleted = await ports.store.delete(
        "AzVolume",
        volume.metadata.name,
        { uid: volume.metadata.uid },
        signal,
      );
      if (deleted.ok || deleted.failure.kind === "ObjectNotFound") {
        pruned += 1;
        continue;
      }
      failed = oneToReport(failed, deleted.failure);
      if (signal.aborted || isGeneral(failed)) return fail(failed);
    }
  }
  return failed === undefined ? ok({ pruned, unclaimed }) : fail(failed);
}

/** Whether there was something to report. Never, without an orchestrator that lists volumes. */
function reportUnclaimed(
  { clock, clusterId, clusterVolumes, events }: AdoptionPorts,
  { metadata }: AzVolume,
  disk: DiskFacts,
): boolean {
  // One that the API server's clock has made in the future does not stay young until then.
  const ageMs = Math.abs(clock.nowMs() - fromTimestamp(metadata.creationTimestamp));
  const isYoung = ageMs < UNCLAIMED_AFTER_MS;
  if (!clusterVolumes.knowsAttachments || isYoung || clusterOf(disk.tags) !== clusterId) return false;
  const message = `no PersistentVolume names disk ${disk.diskUri} (${disk.sizeGiB} GiB, ${disk.skuName})`;
  events.emit({ about: { kind: "AzVolume", name: metadata.name }, reason: "UnclaimedDisk", message });
  return true;
}

/** No node has or requests it, nothing is done to it, and no node is in quarantine because of it. */
function isIdle({ cache }: AdoptionPorts, { metadata, spec, status }: AzVolume): boolean {
  const isRecordIdle = nodesIn(status?.record, "writer", "fencing", "quarantined", "unverified").length === 0;
  return (
    metadata.deletionTimestamp === undefined &&
    !spec.deleteRequested &&
    isRecordIdle &&
    cache.byIndex("AzVolumeAttachment", "volumeName", metadata.name).length === 0
  );
}
