import { isZoneRedundant } from "../../core/volume/disk-sku.ts";
import type { CreateDiskRequest, DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { ArmDisk } from "../arm/arm-api.ts";
import { ownersOf } from "./disk-owners.ts";

/** A disk of ARM in the words of the port. */
export function diskFactsOf(disk: ArmDisk): DiskFacts {
  return {
    diskUri: disk.id,
    diskName: disk.name,
    location: disk.location,
    zones: disk.zones,
    skuName: disk.skuName,
    sizeGiB: disk.diskSizeGB,
    maxShares: disk.maxShares,
    tags: disk.tags,
    isReady: disk.provisioningState === "Succeeded",
    attachedTo: ownersOf(disk),
  };
}

/** The zones of a new disk: zone-redundant ones are created without. */
export function zonesOf(request: Pick<CreateDiskRequest, "skuName" | "zone">): readonly string[] {
  return request.zone === undefined || request.zone === "" || isZoneRedundant(request.skuName)
    ? []
    : [request.zone];
}

/**
 * How a disk differs from the request under its name; undefined if it matches. Tags may differ: others
 * set them, too.
 */
export function differenceTo(request: CreateDiskRequest, disk: ArmDisk): string | undefined {
  const zones = zonesOf(request).join(",");
  const differences = [
    disk.diskSizeGB === request.sizeGiB
      ? undefined
      : `size is ${disk.diskSizeGB} GiB, not ${request.sizeGiB} GiB`,
    disk.skuName.toLowerCase() === request.skuName.toLowerCase()
      ? undefined
      : `SKU is ${disk.skuName}, not ${request.skuName}`,
    disk.maxShares === request.maxShares
      ? undefined
      : `maxShares is ${disk.maxShares}, not ${request.maxShares}`,
    disk.zones.join(",") === zones
      ? undefined
      : `zone is ${disk.zones.join(",") || "none"}, not ${zones || "none"}`,
  ].filter((difference) => difference !== undefined);
  return differences.length === 0 ? undefined : differences.join("; ");
}
