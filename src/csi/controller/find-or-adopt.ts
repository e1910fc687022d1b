import { adoptVolume } from "../../controller/adoption/adopt-volume.ts";
import { type StatedUse, unstatedUse } from "../../controller/adoption/adopted-spec.ts";
import { readDiskUnlessGone } from "../../controller/adoption/confirm-disk-gone.ts";
import { clusterOf, volumeFromTags } from "../../controller/disk/disk-tags.ts";
import type { AzVolume, VolumeCapability } from "../../core/api/az-volume.ts";
import { diskUriOf } from "../../core/api/identity/disk-uri-of.ts";
import { isDeleting } from "../../core/attachment/observed-volume.ts";
import { isSameResourceUri, parseDiskUri } from "../../core/azure/ids/disk-uri.ts";
import { stillWaiting } from "../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { isUnfinishedCopy } from "../../core/volume/copies/unfinished-copy.ts";
import { hasFailedForGood } from "../../core/volume/has-failed-for-good.ts";
import { saysDiskGone } from "../../core/volume/says-disk-gone.ts";
import { fromObjectError } from "../../objects/object-error.ts";
import { readVolume } from "../../objects/read-volume.ts";
import { changeVolumeStatus } from "../../objects/update-object.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { ControllerContext } from "./controller-context.ts";
import { waitForDiskRead } from "./wait-for-volume.ts";

/**
 * The volume of an id. A disk without an AzVolume (static, migrated, of another resource group, or its object
 * was lost) is adopted, and its record starts with unverified nodes. What the disk is for is read from its
 * tags, or else from `stated`, or else from the cluster's objects. A copy that Azure has not made is
 * answered without `status.detail`: it is no disk for a node, but it can be deleted. Fails with
 * `VolumeNotFound` if there is no such disk, and with `StillWaiting` while the disk is being read.
 */
export function findOrAdopt(
  context: ControllerContext,
  volumeId: string,
  stated: StatedUse | undefined,
  signal: AbortSignal,
): Promise<Result<AzVolume>> {
  const useOf = (): StatedUse => {
    const known = context.clusterVolumes.volumeOf(volumeId);
    if (stated === undefined || known === undefined) return stated ?? known ?? unstatedUse;
    // A call does not say whose volume it is. After a takeover most disks are adopted by their next publish.
    const { name, claim } = known;
    return { name, ...(claim && { claim }), ...stated };
  };
  return findOrAdoptFor(context, volumeId, useOf, signal);
}

/**
 * As `findOrAdopt`, for a call that may come before the first publish, and states at most a `capability`. A
 * disk is adopted only where its tags, the cluster's objects or the call say what it is for: one that is
 * adopted for another use is published to no node, for good. The tags of another cluster's disk do not count.
 * The call counts only without an orchestrator that has objects: it states no attributes, such as the number
 * of replicas, and a cache may lag behind it. Fails with `VolumeNotFound` also where the AzVolume is there
 * and its disk is not, and with `DiskBeingCopied` or `DiskCopyFailed` where that is no copy yet.
 */
export async function findOrAdoptUnpublished(
  context: ControllerContext,
  volumeId: string,
  capability: VolumeCapability | undefined,
  signal: AbortSignal,
): Promise<Result<AzVolume>> {
  const { clusterVolumes } = context;
  const isCallEnough = capability !== undefined && !clusterVolumes.knowsAttachments;
  const useOf = ({ tags }: DiskFacts): StatedUse | undefined => {
    const called = isCallEnough ? { capabilities: [capability], volumeContext: {} } : undefined;
    const isOwn = (clusterOf(tags) ?? context.clusterId) === context.clusterId;
    const tagged = isOwn && volumeFromTags(tags) !== undefined ? unstatedUse : undefined;
    return clusterVolumes.volumeOf(volumeId) ?? called ?? tagged;
  };
  const found = await findOrAdoptFor(context, volumeId, useOf, signal);
  return found.ok ? requireDisk(found.value, volumeId) : found;
}

/** Fails where a volume that is to be used has no disk, or a copy that Azure has not made. */
function requireDisk(volume: AzVolume, volumeId: string): Result<AzVolume> {
  const { status } = volume;
  if (status?.detail !== undefined || isDeleting(volume)) return ok(volume);
  // Azure was asked again: it still has no such disk.
  if (isAdoptionRefused(volume)) return fail({ kind: "VolumeNotFound", volumeId });
  const failure = isUnfinishedCopy(status?.error?.kind) ? fromObjectError(status?.error) : undefined;
  return failure === undefined ? stillWaiting(volumeId, "its disk to be looked at") : fail(failure);
}

/** `useOf`: what a disk without an AzVolume is for, where its tags do not say it; undefined: unknown yet. */
async function findOrAdoptFor(
  context: ControllerContext,
  volumeId: string,
  useOf: (disk: DiskFacts) => StatedUse | undefined,
  signal: AbortSignal,
): Promise<Result<AzVolume>> {
  const found = await readVolume(context, volumeId, signal);
  if (found.ok) return isAdoptionRefused(found.value) ? adoptAgain(context, found.value, signal) : found;
  if (found.failure.kind !== "VolumeNotFound" || parseDiskUri(volumeId) === undefined) return found;
  const { cloud, listDisks } = context;
  const disk = await readDiskUnlessGone({ ...cloud, listDisks }, volumeId, signal);
  if (!disk.ok) return disk;
  // Published nowhere, and deleted, is what is not there: a node may write to one that a read has missed.
  if (disk.value === undefined) return found;
  const use = useOf(disk.value);
  if (use === undefined)
    return stillWaiting(volumeId, "its PersistentVolume, or its first publish, to say what the disk is for");
  const adopted = await adoptVolume(context, { ...disk.value, diskUri: volumeId }, use, signal);
  if (!adopted.ok) return adopted;
  const { volume } = adopted.value;
  return volume.status?.detail === undefined ? untilAdopted(context, volume, volumeId, signal) : ok(volume);
}

async function untilAdopted(
  context: ControllerContext,
  volume: AzVolume,
  volumeId: string,
  signal: AbortSignal,
): Promise<Result<AzVolume>> {
  const isDiskRead = ({ status }: AzVolume): boolean =>
    status?.detail !== undefined || isUnfinishedCopy(status?.error?.kind);
  const provisioned = await waitForDiskRead(context, volume, isDiskRead, signal);
  // One that was being made had no disk to be compared by: it may be of another resource group.
  return provisioned !== undefined && isSameResourceUri(diskUriOf(provisioned) ?? "", volumeId)
    ? ok(provisioned)
    : stillWaiting(volumeId, "its disk to be looked at");
}

/** Whether Azure did not have a volume's disk when it was to be adopted: no loop looks for it again. */
function isAdoptionRefused(volume: AzVolume): boolean {
  const { spec, status } = volume;
  const isAdopted = spec.diskUri !== undefined && status?.detail === undefined;
  return isAdopted && hasFailedForGood(volume, "CreationFailed");
}

/**
 * Starts an adoption again whose disk is back: this call asks for it. Without the disk nothing changes. The
 * error goes, too: only while there is no disk to write does a missing record count for nothing.
 */
async function adoptAgain(
  context: ControllerContext,
  volume: AzVolume,
  signal: AbortSignal,
): Promise<Result<AzVolume>> {
  const { diskUri = "" } = volume.spec;
  const disk = await context.cloud.getDisk({ diskUri }, signal);
  if (!disk.ok) return saysDiskGone(disk.failure) ? ok(volume) : disk;
  const restarted = await changeVolumeStatus(
    context.store,
    volume,
    ({ error: _, ...status }, present) =>
      isAdoptionRefused(present) ? { ...status, state: "Pending" } : undefined,
    signal,
  );
  return restarted.ok ? untilAdopted(context, restarted.value, diskUri, signal) : restarted;
}
