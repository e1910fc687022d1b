import type { AzVolume } from "../../core/api/az-volume.ts";
import { parseDiskUri, resourceUriKey } from "../../core/azure/disk-uri.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { isRetryable } from "../../core/failure/is-retryable.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { fromTimestamp } from "../../core/primitives/timestamp.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { ControllerPorts } from "../controller-ports.ts";
import { clusterOf } from "../disk/disk-tags.ts";

/** CreateVolume may still run for a younger one, in milliseconds: the PersistentVolume is made after it. */
const UNCLAIMED_AFTER_MS = 3_600_000;

/** What a look at all volumes that no PersistentVolume names has come to. */
export interface UnnamedVolumes {
  /** AzVolumes that were deleted. */
  readonly forgotten: number;
  /** Disks of this cluster that are there, cost money, and that nothing in it names. */
  readonly unclaimed: number;
}

/**
 * Deletes the AzVolumes of disks that are gone from Azure, where no volume of the cluster's names the disk
 * and nobody has it attached: a disk that was kept when its PersistentVolume went, and was deleted since.
 * Nobody would ever call DeleteVolume for it. What is deleted here is looked at once more as what people
 * delete by hand is: were the disk there after all, the object would be made anew. Disks of this cluster
 * that are there are reported (`UnclaimedDisk`), and never deleted: their data may be all that is left of a
 * volume.
 */
export async function forgetVolumes(
  ports: ControllerPorts,
  signal: AbortSignal,
): Promise<Result<UnnamedVolumes, Failure>> {
  await ports.clusterVolumes.untilSynced(signal);
  const unnamed = ports.cache.list("AzVolume").flatMap((volume) => {
    const diskUri = volume.status?.detail?.diskUri ?? volume.spec.diskUri;
    return diskUri === undefined ||
      !isIdle(ports, volume) ||
      ports.clusterVolumes.volumeOf(diskUri) !== undefined
      ? []
      : [{ volume, diskUri }];
  });
  let [forgotten, unclaimed] = [0, 0];
  for (const [resourceGroup, volumes] of Map.groupBy(unnamed, ({ diskUri }) =>
    parseDiskUri(diskUri)?.resourceGroup.toLowerCase(),
  )) {
    const listed = await ports.cloud.listDisks({ resourceGroup }, signal);
    if (!listed.ok && isRetryable(listed.failure)) return listed;
    // A group that can't be listed may be gone, with every disk in it: each is asked for.
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
      if (disk.ok || disk.failure.kind !== "DiskNotFound") continue;
      const deleted = await ports.store.delete(
        "AzVolume",
        volume.metadata.name,
        { uid: volume.metadata.uid },
        signal,
      );
      if (!deleted.ok && deleted.failure.kind !== "ObjectNotFound") return deleted;
      forgotten += 1;
    }
  }
  return ok({ forgotten, unclaimed });
}

/**
 * Answers whether there was something to report. Where no orchestrator says which volumes there are, every
 * one of them would be.
 */
function reportUnclaimed(
  { clock, clusterId, clusterVolumes, events }: ControllerPorts,
  { metadata }: AzVolume,
  disk: DiskFacts,
): boolean {
  const isYoung = clock.nowMs() - fromTimestamp(metadata.creationTimestamp) < UNCLAIMED_AFTER_MS;
  if (!clusterVolumes.knowsAttachments || isYoung || clusterOf(disk.tags) !== clusterId) return false;
  const message = `no PersistentVolume names disk ${disk.diskUri} (${disk.sizeGiB} GiB, ${disk.skuName})`;
  events.emit({ about: { kind: "AzVolume", name: metadata.name }, reason: "UnclaimedDisk", message });
  return true;
}

/**
 * Nobody has it or waits for it, nothing about it is under way, and no node is kept from other disks for
 * its sake.
 */
function isIdle({ cache }: ControllerPorts, { metadata, spec, status }: AzVolume): boolean {
  const { writer, fencing, quarantine = [], unverified = [] } = status?.record ?? {};
  const isRecordIdle =
    writer === undefined && fencing === undefined && quarantine.length === 0 && unverified.length === 0;
  return (
    metadata.deletionTimestamp === undefined &&
    !spec.deleteRequested &&
    isRecordIdle &&
    cache.byIndex("AzVolumeAttachment", "volumeName", metadata.name).length === 0
  );
}
