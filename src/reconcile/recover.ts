import type { Failure } from "../core/failure.ts";
import { isRetryable } from "../core/is-retryable.ts";
import type { AzVolume } from "../core/model/az-volume.ts";
import { isSameResourceUri, parseDiskUri, resourceUriKey } from "../core/model/disk-uri.ts";
import { volumeObjectNames } from "../core/model/object-names.ts";
import { stateTagsIn } from "../core/model/state-tags.ts";
import { ok, type Result } from "../core/result.ts";
import { sameJson } from "../core/same-json.ts";
import type { DiskFacts } from "../ports/cloud-provisioner.ts";
import { adoptVolume } from "./adopt-volume.ts";
import { adoptedUse, type StatedUse, unstatedUse } from "./adopted-use.ts";
import { changeStatus } from "./change-object.ts";
import { compareAttachments } from "./compare-attachments.ts";
import type { ControllerPorts } from "./controller-ports.ts";
import { clusterOf, volumeFromTags } from "./disk-tags.ts";

/** Disks that are looked at side by side: the store commits what comes together in one go. */
const RECOVERED_AT_ONCE = 64;

/**
 * Rebuilds the AzVolumes of disks that have none: of those that this driver made, after the object store was lost, and of those that the cluster names, whoever
 * made them: an earlier driver, or somebody by hand. Their records start out *unproven*. The attachments of all others are compared with Azure. Running it again
 * changes nothing. Answers how many were rebuilt.
 */
export async function recoverVolumes(ports: ControllerPorts, signal: AbortSignal): Promise<Result<number, Failure>> {
  await ports.clusterVolumes.untilSynced(signal);
  const named = await recoverNamed(ports, signal);
  if (!named.ok) return named;
  const own = await recoverFrom(ports, undefined, signal);
  if (!own.ok) return own;
  let rebuilt = named.value + own.value;
  for (const resourceGroup of otherResourceGroups(ports)) {
    const others = await recoverFrom(ports, resourceGroup, signal);
    // It may be gone, or somebody else's: the rest is recovered all the same.
    if (others.ok) rebuilt += others.value;
    else ports.logger.warn("disks of a resource group not listed", { resourceGroup, failure: others.failure });
  }
  return ok(rebuilt);
}

/** Resource groups besides the cluster's own in which volumes are known to be. The cluster's may be among them: looking there twice changes nothing. */
function otherResourceGroups({ cache }: ControllerPorts): readonly string[] {
  const ofVolumes = cache.list("AzVolume").map((volume) => volume.status?.detail?.diskUri ?? volume.spec.diskUri ?? "");
  const ofAttachments = cache.list("AzVolumeAttachment").map((attachment) => attachment.spec.volumeId);
  const names = [...ofVolumes, ...ofAttachments].flatMap((diskUri) => parseDiskUri(diskUri)?.resourceGroup.toLowerCase() ?? []);
  return [...new Set(names)].toSorted();
}

async function recoverFrom(ports: ControllerPorts, resourceGroup: string | undefined, signal: AbortSignal): Promise<Result<number, Failure>> {
  const disks = await ports.cloud.listDisks({ resourceGroup }, signal);
  return disks.ok ? recoverEach(disks.value, (disk) => recoverTagged(ports, disk, signal)) : disks;
}

/** Disks that the cluster names; several of its volumes may stand for one disk. */
async function recoverNamed(ports: ControllerPorts, signal: AbortSignal): Promise<Result<number, Failure>> {
  const { cache, clusterVolumes } = ports;
  const byDisk = new Map(clusterVolumes.volumes().map(({ volumeId }) => [resourceUriKey(volumeId), volumeId]));
  const unknown = [...byDisk].filter(([key]) => cache.byIndex("AzVolume", "diskUri", key).length === 0);
  return recoverEach(unknown, async ([, volumeId]) => {
    const recovered = await recoverVolume(ports, volumeId, clusterVolumes.volumeOf(volumeId) ?? unstatedUse, signal);
    if (recovered.ok || isRetryable(recovered.failure)) return recovered;
    // Such as a disk of a subscription that this driver may not read: the rest is recovered all the same.
    ports.logger.warn("a disk that the cluster names can't be looked at", { diskUri: volumeId, failure: recovered.failure });
    return ok(false);
  });
}

async function recoverEach<T>(all: readonly T[], recover: (one: T) => Promise<Result<boolean, Failure>>): Promise<Result<number, Failure>> {
  let rebuilt = 0;
  for (let first = 0; first < all.length; first += RECOVERED_AT_ONCE) {
    const recovered = await Promise.all(all.slice(first, first + RECOVERED_AT_ONCE).map(recover));
    for (const one of recovered) {
      if (!one.ok) return one;
      if (one.value) rebuilt += 1;
    }
  }
  return ok(rebuilt);
}

async function recoverTagged(ports: ControllerPorts, disk: DiskFacts, signal: AbortSignal): Promise<Result<boolean, Failure>> {
  // Nearly every disk has its object, in the cache, and is where its attachments say: the store is asked only about the others, each time that recovery comes round.
  const known = ports.cache.byIndex("AzVolume", "diskUri", resourceUriKey(disk.diskUri))[0];
  if (known !== undefined) {
    const compared = await compareAttachments(ports, known, disk, signal);
    if (!compared.ok) return compared;
    const sized = await recordGrowth(ports, known, disk, signal);
    if (!sized.ok) return sized;
    const read = await recordStateTags(ports, known, disk, signal);
    return read.ok ? ok(false) : read;
  }
  // What another cluster made is that cluster's to recover, wherever it lies.
  if (volumeFromTags(disk.tags) === undefined || clusterOf(disk.tags) !== ports.clusterId) return ok(false);
  const stated = { capabilities: [], volumeContext: { skuName: disk.skuName, maxShares: String(disk.maxShares) } };
  return recoverVolume(ports, disk.diskUri, stated, signal);
}

/** State tags that were edited from outside: they are recorded as they are, and the disk loop writes them again. */
async function recordStateTags(ports: ControllerPorts, { metadata, status }: AzVolume, disk: DiskFacts, signal: AbortSignal): Promise<Result<void, Failure>> {
  const stateTags = stateTagsIn(disk.tags);
  if (status?.detail === undefined || sameJson(status.detail.stateTags ?? {}, stateTags)) return ok(undefined);
  const recorded = await changeStatus(
    ports.store,
    { kind: "AzVolume", name: metadata.name, uid: metadata.uid },
    (present) => {
      // Written since the disk was listed.
      if (present.status?.detail === undefined || !sameJson(present.status.detail.stateTags, status.detail?.stateTags)) return undefined;
      return { ...present, status: { ...present.status, detail: { ...present.status.detail, stateTags } } };
    },
    signal,
  );
  return recorded.ok || recorded.failure.kind === "ObjectNotFound" ? ok(undefined) : recorded;
}

/** A disk that somebody else has grown: with the size that the object knows, its device would pass for another one's, and never be staged again. */
async function recordGrowth(
  ports: ControllerPorts,
  { metadata: { name }, status }: AzVolume,
  disk: DiskFacts,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  if (status?.detail === undefined || status.detail.sizeGiB >= disk.sizeGiB) return ok(undefined);
  const recorded = await changeStatus(
    ports.store,
    { kind: "AzVolume", name },
    (present) => {
      const detail = present.status?.detail;
      if (present.status === undefined || detail === undefined || detail.sizeGiB >= disk.sizeGiB) return undefined;
      return { ...present, status: { ...present.status, detail: { ...detail, sizeGiB: disk.sizeGiB } } };
    },
    signal,
  );
  if (!recorded.ok) return recorded.failure.kind === "ObjectNotFound" ? ok(undefined) : recorded;
  ports.logger.info("the disk has grown", { volumeName: name, sizeGiB: disk.sizeGiB });
  return ok(undefined);
}

async function recoverVolume(ports: ControllerPorts, diskUri: string, stated: StatedUse, signal: AbortSignal): Promise<Result<boolean, Failure>> {
  if (parseDiskUri(diskUri) === undefined) return ok(false);
  for (const name of volumeObjectNames(diskUri)) {
    const present = await ports.store.get("AzVolume", name, signal);
    if (!present.ok && present.failure.kind !== "ObjectNotFound") return present;
    // An object without a disk yet is one whose creation is under way: it finds this disk by itself.
    if (present.ok && isSameResourceUri(present.value.status?.detail?.diskUri ?? present.value.spec.diskUri ?? diskUri, diskUri)) return ok(false);
  }
  // Read after it was seen that there is no object: DeleteVolume may have ended since the disk was listed.
  const disk = await ports.cloud.getDisk({ diskUri }, signal);
  if (!disk.ok) return disk.failure.kind === "DiskNotFound" ? ok(false) : disk;
  const adopted = await adoptVolume(ports, { ...disk.value, diskUri }, adoptedUse(disk.value, stated), signal);
  if (!adopted.ok || !adopted.value.isNew) return adopted.ok ? ok(false) : adopted;
  ports.logger.warn("volume rebuilt from its disk: its record trusts nobody yet", { volumeName: adopted.value.volume.metadata.name, diskUri });
  return ok(true);
}
