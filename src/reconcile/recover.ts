import type { Failure } from "../core/failure.ts";
import { isSameResourceUri, parseDiskUri, resourceUriKey } from "../core/model/disk-uri.ts";
import { volumeObjectNames } from "../core/model/object-names.ts";
import { ok, type Result } from "../core/result.ts";
import type { DiskFacts } from "../ports/cloud-provisioner.ts";
import { adoptVolume } from "./adopt-volume.ts";
import type { ControllerPorts } from "./controller-ports.ts";
import { volumeFromTags } from "./disk-tags.ts";

/** Disks that are looked at side by side: the store commits what comes together in one go. */
const RECOVERED_AT_ONCE = 64;

/**
 * Rebuilds the AzVolumes of disks that this driver made and that have none: after the object store was lost. Their records start out
 * *unproven*. Running it again changes nothing. Answers how many were rebuilt.
 */
export async function recoverVolumes(ports: ControllerPorts, signal: AbortSignal): Promise<Result<number, Failure>> {
  await ports.clusterVolumes.untilSynced(signal);
  const own = await recoverFrom(ports, undefined, signal);
  if (!own.ok) return own;
  let rebuilt = own.value;
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
  if (!disks.ok) return disks;
  let rebuilt = 0;
  for (let first = 0; first < disks.value.length; first += RECOVERED_AT_ONCE) {
    const recovered = await Promise.all(disks.value.slice(first, first + RECOVERED_AT_ONCE).map((disk) => recoverVolume(ports, disk, signal)));
    for (const one of recovered) {
      if (!one.ok) return one;
      if (one.value) rebuilt += 1;
    }
  }
  return ok(rebuilt);
}

async function recoverVolume(ports: ControllerPorts, disk: DiskFacts, signal: AbortSignal): Promise<Result<boolean, Failure>> {
  const known = volumeFromTags(disk.tags);
  // Nearly every disk has its object, in the cache: the store is asked only about the others, each time that recovery comes round.
  if (known === undefined || ports.cache.byIndex("AzVolume", "diskUri", resourceUriKey(disk.diskUri)).length > 0) return ok(false);
  for (const name of volumeObjectNames(disk.diskUri)) {
    const present = await ports.store.get("AzVolume", name, signal);
    if (!present.ok && present.failure.kind !== "ObjectNotFound") return present;
    // An object without a disk yet is one whose creation is under way: it finds this disk by itself.
    if (present.ok && isSameResourceUri(present.value.status?.detail?.diskUri ?? present.value.spec.diskUri ?? disk.diskUri, disk.diskUri)) return ok(false);
  }
  // Read anew, after it was seen that there is no object: DeleteVolume may have ended since the disks were listed.
  const present = await ports.cloud.getDisk({ diskUri: disk.diskUri }, signal);
  if (!present.ok) return present.failure.kind === "DiskNotFound" ? ok(false) : present;
  const { volumeName, capabilities, maxMountReplicaCount } = known;
  const parameters = { skuName: disk.skuName, maxShares: String(disk.maxShares) };
  const adopted = await adoptVolume(ports, disk, { volumeName, capabilities, maxMountReplicaCount, parameters }, signal);
  if (!adopted.ok || !adopted.value.isNew) return adopted.ok ? ok(false) : adopted;
  ports.logger.warn("volume rebuilt from its disk: its record trusts nobody yet", { volumeName: adopted.value.volume.metadata.name, diskUri: disk.diskUri });
  return ok(true);
}
