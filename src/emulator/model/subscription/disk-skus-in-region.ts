import { type ArmFailure, armErrors } from "../api/errors.ts";
import type { JsonObject } from "../api/json.ts";
import { DISK_SKU_NAMES, type DiskSku, findDiskSku } from "../disk/disk-sku.ts";
import { edgeZoneOf } from "./edge-zones.ts";
import { checkZones, firstZones, regionNamed, zonesIn } from "./regions.ts";

/**
 * The zones of a region in which a SKU of disks can be had, none if the region has no zones; undefined: the
 * region does not have the SKU. Inferred: zone-redundant disks are in every region with zones.
 */
export function zonesOfSku(sku: DiskSku, location: string): readonly string[] | undefined {
  const { zones, premiumV2, ultra } = regionNamed(location);
  if (sku.family === "PremiumV2") return premiumV2 === undefined ? undefined : firstZones(premiumV2);
  if (sku.family === "Ultra") return ultra === undefined ? undefined : firstZones(ultra);
  if (sku.zoneRedundant) return zones === 0 ? undefined : [];
  return zonesIn(location);
}

/** Inferred from `EdgeZoneStorageAccountType` of Azure's SDKs, which has no other SKUs of disks. */
const IN_EDGE_ZONES = ["Standard_LRS", "StandardSSD_LRS", "Premium_LRS"];

function checkSkuInRegion(sku: DiskSku, location: string, isInEdgeZone: boolean): ArmFailure | undefined {
  const isOffered = (each: DiskSku): boolean =>
    isInEdgeZone ? IN_EDGE_ZONES.includes(each.name) : zonesOfSku(each, location) !== undefined;
  if (isOffered(sku)) return undefined;
  const offered = DISK_SKU_NAMES.filter((name) => {
    const each = findDiskSku(name);
    return each !== undefined && isOffered(each);
  });
  return armErrors.skuNotInRegion("Disk", sku.name, offered);
}

/** The same for a disk that is to be in those zones, `["1"]` or none, of the region, or in its edge zone. */
export function checkDiskPlace(
  sku: DiskSku,
  disk: {
    readonly name: string;
    readonly location: string;
    readonly zones: readonly string[];
    readonly extendedLocation?: JsonObject;
  },
): ArmFailure | undefined {
  const resource = `Microsoft.Compute/disks/${disk.name}`;
  return (
    checkSkuInRegion(sku, disk.location, edgeZoneOf(disk) !== "") ??
    checkZones(
      disk.zones,
      disk.location,
      resource,
      sku.zoneRedundant ? undefined : zonesOfSku(sku, disk.location),
    )
  );
}
