import type { Failure } from "../core/failure.ts";
import { isSameResourceUri } from "../core/model/disk-uri.ts";
import { foreignVolumeObjectName, volumeObjectNames } from "../core/model/object-names.ts";
import { ok, type Result } from "../core/result.ts";
import { gibToBytes } from "../core/units.ts";
import type { DiskFacts } from "../ports/cloud-provisioner.ts";
import { type ControllerPorts, VOLUME_FINALIZER } from "./controller-ports.ts";
import { volumeFromTags } from "./disk-tags.ts";

/**
 * Rebuilds the AzVolumes of disks that this driver made and that have none: after the object store was lost. Their records start out
 * *unproven*. Running it again changes nothing. Answers how many were rebuilt.
 */
export async function recoverVolumes(ports: ControllerPorts, signal: AbortSignal): Promise<Result<number, Failure>> {
  const disks = await ports.cloud.listDisks({ resourceGroup: undefined }, signal);
  if (!disks.ok) return disks;
  let rebuilt = 0;
  for (const disk of disks.value) {
    const made = await recoverVolume(ports, disk, signal);
    if (!made.ok) return made;
    if (made.value) rebuilt += 1;
  }
  return ok(rebuilt);
}

async function recoverVolume(ports: ControllerPorts, disk: DiskFacts, signal: AbortSignal): Promise<Result<boolean, Failure>> {
  const known = volumeFromTags(disk.tags);
  if (known === undefined) return ok(false);
  for (const name of volumeObjectNames(disk.diskUri)) {
    const present = await ports.store.get("AzVolume", name, signal);
    if (!present.ok && present.failure.kind !== "ObjectNotFound") return present;
    // An object without a disk yet is one whose creation is under way: it finds this disk by itself.
    if (present.ok && isSameResourceUri(present.value.status?.detail?.diskUri ?? present.value.spec.diskUri ?? disk.diskUri, disk.diskUri)) return ok(false);
  }
  const created = await ports.store.create(
    "AzVolume",
    {
      metadata: { name: volumeObjectNames(disk.diskUri)[0] ?? foreignVolumeObjectName(disk.diskUri), finalizers: [VOLUME_FINALIZER] },
      spec: {
        volumeName: known.volumeName,
        capabilities: known.capabilities,
        requiredBytes: Number(gibToBytes(disk.sizeGiB)),
        limitBytes: 0,
        parameters: { skuName: disk.skuName, maxShares: String(disk.maxShares) },
        maxShares: disk.maxShares,
        maxMountReplicaCount: Math.min(known.maxMountReplicaCount, disk.maxShares - 1),
        diskUri: disk.diskUri,
        deleteRequested: false,
      },
    },
    signal,
  );
  if (!created.ok) return created.failure.kind === "ObjectAlreadyExists" ? ok(false) : created;
  ports.logger.warn("volume rebuilt from its disk: its record trusts nobody yet", { volumeName: created.value.metadata.name, diskUri: disk.diskUri });
  return ok(true);
}
