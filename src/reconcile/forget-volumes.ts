import type { Failure } from "../core/failure.ts";
import { isRetryable } from "../core/is-retryable.ts";
import type { AzVolume } from "../core/model/az-volume.ts";
import { parseDiskUri, resourceUriKey } from "../core/model/disk-uri.ts";
import { ok, type Result } from "../core/result.ts";
import type { ControllerPorts } from "./controller-ports.ts";

/**
 * Deletes the AzVolumes of disks that are gone from Azure, where no volume of the cluster's names the disk and nobody has it attached: a disk that was kept when its
 * PersistentVolume went, and was deleted since. Nobody would ever call DeleteVolume for it. What is deleted here is looked at once more as what people delete by
 * hand is: were the disk there after all, the object would be made anew. Answers how many there were.
 */
export async function forgetVolumes(ports: ControllerPorts, signal: AbortSignal): Promise<Result<number, Failure>> {
  await ports.clusterVolumes.untilSynced(signal);
  const unnamed = ports.cache.list("AzVolume").flatMap((volume) => {
    const diskUri = volume.status?.detail?.diskUri ?? volume.spec.diskUri;
    return diskUri === undefined || !isIdle(ports, volume) || ports.clusterVolumes.volumeOf(diskUri) !== undefined ? [] : [{ volume, diskUri }];
  });
  let forgotten = 0;
  for (const [resourceGroup, volumes] of Map.groupBy(unnamed, ({ diskUri }) => parseDiskUri(diskUri)?.resourceGroup.toLowerCase())) {
    const listed = await ports.cloud.listDisks({ resourceGroup }, signal);
    if (!listed.ok && isRetryable(listed.failure)) return listed;
    // A group that can't be listed may be gone, with every disk in it: each is asked for.
    const present = new Set(listed.ok ? listed.value.map((disk) => resourceUriKey(disk.diskUri)) : []);
    for (const { volume, diskUri } of volumes.filter((each) => !present.has(resourceUriKey(each.diskUri)))) {
      const disk = await ports.cloud.getDisk({ diskUri }, signal);
      if (disk.ok || disk.failure.kind !== "DiskNotFound") continue;
      const deleted = await ports.store.delete("AzVolume", volume.metadata.name, { uid: volume.metadata.uid }, signal);
      if (!deleted.ok && deleted.failure.kind !== "ObjectNotFound") return deleted;
      forgotten += 1;
    }
  }
  return ok(forgotten);
}

/** Nobody has it or waits for it, nothing about it is under way, and no node is kept from other disks for its sake. */
function isIdle({ cache }: ControllerPorts, { metadata, spec, status }: AzVolume): boolean {
  const { writer, fencing, quarantine = [], unproven = [] } = status?.record ?? {};
  const isRecordIdle = writer === undefined && fencing === undefined && quarantine.length === 0 && unproven.length === 0;
  return (
    metadata.deletionTimestamp === undefined &&
    !spec.deleteRequested &&
    isRecordIdle &&
    cache.byIndex("AzVolumeAttachment", "volumeName", metadata.name).length === 0
  );
}
