import { adoptVolume } from "../../controller/adoption/adopt-volume.ts";
import { type StatedUse, unstatedUse } from "../../controller/adoption/adopted-spec.ts";
import { volumeFromTags } from "../../controller/disk/disk-tags.ts";
import type { AzVolume, VolumeCapability } from "../../core/api/az-volume.ts";
import { parseDiskUri } from "../../core/azure/ids/disk-uri.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { stillWaiting } from "../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { isUnfinishedCopy } from "../../core/volume/copies/unfinished-copy.ts";
import { readVolume } from "../../objects/read-volume.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { ControllerContext } from "./controller-context.ts";

/**
 * The volume of an id. A disk without an AzVolume (static, migrated, of another resource group, or its object
 * was lost) is adopted, and its record starts with unverified nodes. What the disk is for is read from its
 * tags, or else from `stated`, or else from the cluster's objects. A copy that Azure has not completed is
 * answered without `status.detail`: it is no disk for a node, but it can be deleted. Fails with
 * `VolumeNotFound` if there is no such disk, and with `StillWaiting` while the disk is being read.
 */
export async function findOrAdopt(
  context: ControllerContext,
  volumeId: string,
  stated: StatedUse | undefined,
  signal: AbortSignal,
): Promise<Result<AzVolume, Failure>> {
  const found = await find(context, volumeId, signal);
  if (!found.ok) return found;
  if ("volume" in found.value) return ok(found.value.volume);
  const use = stated ?? context.clusterVolumes.volumeOf(volumeId) ?? unstatedUse;
  return adopt(context, found.value.disk, use, signal);
}

/**
 * As `findOrAdopt`, for a call that may come before the first publish, and states at most a `capability`. A
 * disk is adopted only where its tags, the cluster's objects or the call say what it is for: one that is
 * adopted for another use is published to no node, for good.
 */
export async function findOrAdoptUnpublished(
  context: ControllerContext,
  volumeId: string,
  capability: VolumeCapability | undefined,
  signal: AbortSignal,
): Promise<Result<AzVolume, Failure>> {
  const found = await find(context, volumeId, signal);
  if (!found.ok) return found;
  if ("volume" in found.value) return ok(found.value.volume);
  const { disk } = found.value;
  const called = capability === undefined ? undefined : { capabilities: [capability], volumeContext: {} };
  const tagged = volumeFromTags(disk.tags) === undefined ? undefined : unstatedUse;
  const use = context.clusterVolumes.volumeOf(volumeId) ?? called ?? tagged;
  return use === undefined
    ? stillWaiting(volumeId, "its PersistentVolume, or its first publish, to say what the disk is for")
    : adopt(context, disk, use, signal);
}

type Found = { readonly volume: AzVolume } | { readonly disk: DiskFacts };

/** The volume of an id, else its disk in Azure, spelled as the id is. Fails with `VolumeNotFound`. */
async function find(
  context: ControllerContext,
  volumeId: string,
  signal: AbortSignal,
): Promise<Result<Found, Failure>> {
  const volume = await readVolume(context, volumeId, signal);
  if (volume.ok) return ok({ volume: volume.value });
  if (volume.failure.kind !== "VolumeNotFound" || parseDiskUri(volumeId) === undefined) return volume;
  const disk = await context.cloud.getDisk({ diskUri: volumeId }, signal);
  if (!disk.ok) return disk.failure.kind === "DiskNotFound" ? volume : disk;
  return ok({ disk: { ...disk.value, diskUri: volumeId } });
}

async function adopt(
  context: ControllerContext,
  disk: DiskFacts,
  use: StatedUse,
  signal: AbortSignal,
): Promise<Result<AzVolume, Failure>> {
  const adopted = await adoptVolume(context, disk, use, signal);
  if (!adopted.ok) return adopted;
  const { volume } = adopted.value;
  if (volume.status?.detail !== undefined) return ok(volume);
  const provisioned = await context.cache.waitFor(
    "AzVolume",
    volume.metadata.name,
    (object) => object?.status?.detail !== undefined || isUnfinishedCopy(object?.status?.error?.kind),
    { timeoutMs: context.limits.grantWaitMs, clock: context.clock },
    signal,
  );
  return provisioned === undefined ? stillWaiting(disk.diskUri, "its disk to be looked at") : ok(provisioned);
}
