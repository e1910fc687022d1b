import type { AzVolume } from "../../core/api/az-volume.ts";
import { VOLUME_FINALIZER } from "../../core/api/finalizers.ts";
import { diskUriOf } from "../../core/api/identity/disk-uri-of.ts";
import { diskNameOf } from "../../core/api/object-names.ts";
import { isDeleting } from "../../core/attachment/observed-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { ownIdentity } from "../../core/volume/replaced-disk.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { removeFinalizer } from "../../objects/remove-finalizer.ts";
import { checkNoCopyNeeds } from "../../objects/source-to-keep.ts";
import { targetOf } from "../../objects/update-object.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { confirmDiskGone } from "../adoption/confirm-disk-gone.ts";
import type { DiskPorts } from "../controller-ports.ts";
import { recordFailure } from "./disk-status.ts";
import { isMadeFor } from "./disk-tags.ts";
import { mayWriteDisk } from "./may-write-disk.ts";

/**
 * Deletes the object of a volume that has DeleteVolume's mark. The mark was checked on the version that it
 * was written on, and is never reverted: any process may act on it.
 */
export async function deleteObject(
  ports: DiskPorts,
  volume: AzVolume,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { name, uid } = volume.metadata;
  return ignoreNotFound(
    await ports.steps.run("mark-delete", () => ports.store.delete("AzVolume", name, { uid }, signal)),
  );
}

export async function deleteDisk(
  ports: DiskPorts,
  volume: AzVolume,
  signal: AbortSignal,
): Promise<Reconciled> {
  // The plan was based on a cache. The volume may be gone and recreated since, with a disk of the same
  // name; or a restored backup has reverted the deletion.
  const fresh = await ports.store.get("AzVolume", volume.metadata.name, signal);
  if (!fresh.ok) return ignoreNotFound(fresh);
  if (
    fresh.value.metadata.uid !== volume.metadata.uid ||
    fresh.value.metadata.deletionTimestamp === undefined
  )
    return ok({});
  const diskUri = diskUriOf(fresh.value);
  const identity = ownIdentity(fresh.value);
  const known = diskUri === undefined ? await findUnrecordedDisk(ports, volume, signal) : ok(diskUri);
  if (!known.ok) return recordFailure(ports, volume, known.failure, signal);
  if (known.value !== undefined) {
    const target = known.value;
    const needed = await checkNoCopyNeeds(ports, target, signal);
    if (!needed.ok) return recordFailure(ports, volume, needed.failure, signal);
    const deleted = await ports.steps.run("delete-disk", () =>
      ports.cloud.deleteDisk(
        { diskUri: target, ...identity, precondition: mayWriteDisk(ports, volume, isDeleting) },
        signal,
      ),
    );
    // The object stays for as long as a disk has its disk's name: a call that is repeated, or a
    // PersistentVolume that is still there, would have that disk adopted, and deleted.
    if (!deleted.ok && !(await isGoneAnyway(ports, target, deleted.failure, signal)))
      return recordFailure(ports, volume, deleted.failure, signal);
    ports.logger.info("disk deleted", { volumeName: volume.metadata.name, diskUri: target });
  }
  const removed = await ports.steps.run("remove-volume", () =>
    removeFinalizer(ports.store, targetOf(volume), VOLUME_FINALIZER, signal),
  );
  return ignoreNotFound(removed);
}

/**
 * Whether a disk is gone whose DELETE Azure has refused. It decides by rights and locks before it looks for
 * the disk, and a volume whose disk is gone would be kept until a person changes these.
 */
async function isGoneAnyway(
  { cloud }: DiskPorts,
  diskUri: string,
  { kind }: Failure,
  signal: AbortSignal,
): Promise<boolean> {
  if (kind !== "CloudUnauthorized" && kind !== "CloudRejected") return false;
  const disk = await cloud.getDisk({ diskUri }, signal);
  return !disk.ok && (await confirmDiskGone(cloud, { diskUri, failure: disk.failure }, signal)).ok;
}

/**
 * Finds an unrecorded disk whose creation was begun, by its name and its tags. A disk of that name may
 * belong to another volume. Not from a list alone, which may be older than the disk. Where Azure says that
 * its resource group does not exist, no creation has begun: a class that names it wrongly leaves no object.
 * A driver without rights beyond its groups is answered 403 instead, and keeps the object.
 */
async function findUnrecordedDisk(
  { cloud }: DiskPorts,
  volume: AzVolume,
  signal: AbortSignal,
): Promise<Result<string | undefined>> {
  const { resourceGroup } = volume.spec.disk;
  const diskUri = cloud.diskUriOf({ diskName: diskNameOf(volume.spec), resourceGroup });
  const disk = await cloud.getDisk({ diskUri }, signal);
  if (disk.ok) return ok(isMadeFor(volume, disk.value.tags) ? disk.value.diskUri : undefined);
  const gone = await confirmDiskGone(cloud, { diskUri, failure: disk.failure }, signal);
  return gone.ok ? ok(undefined) : gone;
}
