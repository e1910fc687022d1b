import type { AzVolume, VolumeStatus } from "../../core/api/az-volume.ts";
import { diskUriOf, isOfDisk } from "../../core/api/identity/disk-uri-of.ts";
import { volumeObjectNames } from "../../core/api/object-names.ts";
import { parseDiskUri, resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { isRetryable } from "../../core/failure/is-retryable.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { sameJson } from "../../core/primitives/same-json.ts";
import { otherDiskThan, shownIdentity } from "../../core/volume/replaced-disk.ts";
import { stateTagsIn } from "../../core/volume/tags/state-tags.ts";
import { changeVolumeStatus } from "../../objects/update-object.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { AdoptionPorts, RecoveryPorts } from "../controller-ports.ts";
import { clusterOf, volumeFromTags } from "../disk/disk-tags.ts";
import { keepIdentity } from "../disk/keep-identity.ts";
import { keepModification } from "../disk/keep-modification.ts";
import { recordGrowth } from "../disk/record-growth.ts";
import { tryEach } from "../try-each.ts";
import { adoptVolume } from "./adopt-volume.ts";
import { type StatedUse, unstatedUse } from "./adopted-spec.ts";
import { compareAttachments } from "./compare-attachments.ts";

/** The disks that one recovery has listed, by resource group in lower case. */
export type DiskLists = Map<string, readonly DiskFacts[]>;

/**
 * Adopts the disks that have no AzVolume: those that this driver made, after the object store was lost, and
 * those that the cluster names, made by an earlier driver or by hand. Their records start *unverified*. The
 * attachments of all others are compared with Azure. Idempotent. A failing disk delays no other. Fails with
 * the first failure that may pass once all were tried, or sooner where the others would fail in the same way.
 * Returns how many were adopted, and adds to `lists` what it has listed.
 */
export async function recoverVolumes(
  { lists = new Map(), ...ports }: RecoveryPorts & { readonly lists?: DiskLists },
  signal: AbortSignal,
): Promise<Result<number>> {
  await ports.clusterVolumes.untilSynced(signal);
  let failed: Result<never> | undefined;
  let adopted = 0;
  const recoveries = [
    () => recoverNamed(ports, signal),
    () => recoverFrom(ports, undefined, lists, signal),
    ...namedResourceGroups(ports).map(
      (resourceGroup) => async () =>
        lists.has(resourceGroup) ? ok(0) : recoverOther(ports, resourceGroup, lists, signal),
    ),
  ];
  for (const recover of recoveries) {
    const recovered = await recover();
    if (recovered.ok) adopted += recovered.value;
    else if (signal.aborted) return recovered;
    else failed ??= recovered;
  }
  return failed ?? ok(adopted);
}

/** The same for a resource group that may be gone or belong to others: then there is nothing to recover. */
async function recoverOther(
  ports: RecoveryPorts,
  resourceGroup: string,
  lists: DiskLists,
  signal: AbortSignal,
): Promise<Result<number>> {
  const recovered = await recoverFrom(ports, resourceGroup, lists, signal);
  if (recovered.ok || isRetryable(recovered.failure)) return recovered;
  ports.logger.warn("disks of a resource group not listed", { resourceGroup, failure: recovered.failure });
  return ok(0);
}

/** Resource groups known to contain volumes; the cluster's own may be among them. */
function namedResourceGroups({ cache }: AdoptionPorts): readonly string[] {
  const ofVolumes = cache.list("AzVolume").map((volume) => diskUriOf(volume) ?? "");
  const ofAttachments = cache.list("AzVolumeAttachment").map((attachment) => attachment.spec.volumeId);
  const names = [...ofVolumes, ...ofAttachments].flatMap(
    (diskUri) => parseDiskUri(diskUri)?.resourceGroup.toLowerCase() ?? [],
  );
  return [...new Set(names)].toSorted();
}

async function recoverFrom(
  ports: RecoveryPorts,
  resourceGroup: string | undefined,
  lists: DiskLists,
  signal: AbortSignal,
): Promise<Result<number>> {
  const asOfList = new Map(ports.cache.list("AzVolume").map((volume) => [volume.metadata.name, volume]));
  const disks = await ports.cloud.listDisks({ resourceGroup }, signal);
  if (!disks.ok) return disks;
  const [{ diskUri } = { diskUri: "" }] = disks.value;
  const listed = resourceGroup ?? parseDiskUri(diskUri)?.resourceGroup.toLowerCase();
  if (listed !== undefined) lists.set(listed, disks.value);
  return recoverEach(ports, disks.value, (disk) => recoverTagged(ports, disk, asOfList, signal), signal);
}

/** Disks that the cluster names; several of its volumes may name one disk. */
async function recoverNamed(ports: AdoptionPorts, signal: AbortSignal): Promise<Result<number>> {
  const { cache, clusterVolumes } = ports;
  const byDisk = new Map(
    clusterVolumes.volumes().map(({ volumeId }) => [resourceUriKey(volumeId), volumeId]),
  );
  const unknown = [...byDisk]
    .filter(([key]) => cache.byIndex("AzVolume", "diskUri", key).length === 0)
    .map(([, diskUri]) => ({ diskUri }));
  return recoverEach(
    ports,
    unknown,
    ({ diskUri }) => recoverVolume(ports, diskUri, clusterVolumes.volumeOf(diskUri) ?? unstatedUse, signal),
    signal,
  );
}

/**
 * One whose failure no repetition changes, such as a disk that this driver may not read, waits for the next
 * recovery: repeated sooner, each try would list all disks again.
 */
async function recoverEach<T extends { readonly diskUri: string }>(
  { logger }: AdoptionPorts,
  all: readonly T[],
  recoverOne: (one: T) => Promise<Result<boolean>>,
  signal: AbortSignal,
): Promise<Result<number>> {
  const onFailure = ({ diskUri }: T, failure: Failure): void =>
    logger.warn("a disk was not compared with the objects", { diskUri, failure });
  const attempt = async (one: T): ReturnType<typeof recoverOne> => {
    const recovered = await recoverOne(one);
    if (recovered.ok || isRetryable(recovered.failure)) return recovered;
    onFailure(one, recovered.failure);
    return ok(false);
  };
  const { done, failed } = await tryEach(all, { attempt, onFailure, logger }, signal);
  return failed === undefined ? ok(done.filter(Boolean).length) : fail(failed);
}

async function recoverTagged(
  ports: RecoveryPorts,
  disk: DiskFacts,
  asOfList: ReadonlyMap<string, AzVolume>,
  signal: AbortSignal,
): Promise<Result<boolean>> {
  // Nearly every disk has a cached object, and is where its attachments say: only the others cost a read
  // of the store at each recovery.
  const known = ports.cache.byIndex("AzVolume", "diskUri", resourceUriKey(disk.diskUri))[0];
  if (known !== undefined) {
    const compared = await compareAttachments(ports, known, disk, signal);
    if (!compared.ok) return compared;
    const own = await ownDisk(ports, known, disk, signal);
    if (!own.ok || !own.value) return own.ok ? ok(false) : own;
    await keepIdentity(ports, known, disk, signal);
    const read = await recordStateTags(ports, asOfList.get(known.metadata.name), disk, signal);
    if (!read.ok) return read;
    const sized = await recordGrowth(ports, known, disk, signal);
    if (!sized.ok) return sized;
    const kept = await keepModification(ports, known, disk, signal);
    return kept.ok ? ok(false) : kept;
  }
  // Disks that another cluster made are left to that cluster, in any resource group.
  if (volumeFromTags(disk.tags) === undefined || clusterOf(disk.tags) !== ports.clusterId) return ok(false);
  return recoverVolume(ports, disk.diskUri, unstatedUse, signal);
}

/**
 * Whether a disk is the volume's own, and not one that another client has made under its name. What tells it
 * from such a one is recorded where it is not, or where Azure shows another id of the same disk.
 */
async function ownDisk(
  { store, logger }: RecoveryPorts,
  volume: AzVolume,
  disk: DiskFacts,
  signal: AbortSignal,
): Promise<Result<boolean>> {
  const replaced = otherDiskThan(volume, disk);
  if (replaced !== undefined) {
    logger.warn("a disk was made under the name of a volume's", {
      volumeName: volume.metadata.name,
      ...replaced,
    });
    return ok(false);
  }
  const identify = (status: VolumeStatus): VolumeStatus | undefined => {
    const { detail } = status;
    if (detail === undefined || otherDiskThan({ status }, disk) !== undefined) return undefined;
    const identified = { ...detail, ...shownIdentity(disk) };
    return sameJson(identified, detail) ? undefined : { ...status, detail: identified };
  };
  if (volume.status === undefined || identify(volume.status) === undefined) return ok(true);
  const recorded = await changeVolumeStatus(store, volume, identify, signal);
  return recorded.ok || recorded.failure.kind === "ObjectNotFound" ? ok(true) : recorded;
}

/**
 * State tags edited by another client are recorded as they are, and the `tags` loop writes them again.
 * Only for a volume unchanged since before its disk was listed: the list may show tags from before a
 * write of this driver.
 */
async function recordStateTags(
  ports: AdoptionPorts,
  asOfList: AzVolume | undefined,
  disk: DiskFacts,
  signal: AbortSignal,
): Promise<Result<void>> {
  const stateTags = stateTagsIn(disk.tags);
  if (asOfList?.status?.detail === undefined || sameJson(asOfList.status.detail.stateTags ?? {}, stateTags))
    return ok(undefined);
  const { resourceVersion } = asOfList.metadata;
  const recorded = await changeVolumeStatus(
    ports.store,
    asOfList,
    ({ detail, ...status }, { metadata }) =>
      detail === undefined || metadata.resourceVersion !== resourceVersion
        ? undefined
        : { ...status, detail: { ...detail, stateTags } },
    signal,
  );
  return recorded.ok || recorded.failure.kind === "ObjectNotFound" ? ok(undefined) : recorded;
}

async function recoverVolume(
  ports: AdoptionPorts,
  diskUri: string,
  stated: StatedUse,
  signal: AbortSignal,
): Promise<Result<boolean>> {
  if (parseDiskUri(diskUri) === undefined) return ok(false);
  for (const name of volumeObjectNames(diskUri)) {
    const present = await ports.store.get("AzVolume", name, signal);
    if (!present.ok && present.failure.kind !== "ObjectNotFound") return present;
    if (present.ok && isOfDisk(present.value, diskUri)) return ok(false);
  }
  // Read after the object was found missing: DeleteVolume may have ended since the disk was listed.
  const disk = await ports.cloud.getDisk({ diskUri }, signal);
  if (!disk.ok) return disk.failure.kind === "DiskNotFound" ? ok(false) : disk;
  const adopted = await adoptVolume(ports, { ...disk.value, diskUri }, stated, signal);
  if (!adopted.ok || !adopted.value.isNew) return adopted.ok ? ok(false) : adopted;
  ports.logger.warn("volume adopted from its disk: its record is unverified", {
    volumeName: adopted.value.volume.metadata.name,
    diskUri,
  });
  return ok(true);
}
