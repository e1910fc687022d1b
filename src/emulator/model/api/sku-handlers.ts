import { DISK_SKU_NAMES } from "../disk/disk-sku.ts";
import { firstZones, hasRegion, regionNamed, regionsOf, zonesIn } from "../subscription/regions.ts";
import { restrictionsOf } from "../subscription/restricted-skus.ts";
import { availabilitySetSkus, capabilities, diskSkus, snapshotSkus } from "../subscription/storage-skus.ts";
import { familyOf } from "../subscription/vm-family.ts";
import { VM_SIZES, type VmSize } from "../vm/vm-sizes.ts";
import type { World } from "../world.ts";
import { type ArmCall, type HandlerResult, reply } from "./arm-message.ts";
import { armErrors } from "./errors.ts";
import type { JsonObject } from "./json.ts";

/** The only filter of the list of SKUs. */
const OF_LOCATION = /^\s*location eq '([^']+)'\s*$/i;

/**
 * GET skus: what the region of the `$filter` offers, or else each region of the subscription, in an entry of
 * its own. Capabilities are strings.
 */
export function listSkusHandler(world: World, call: ArmCall): HandlerResult {
  const { $filter: filter = "" } = call.query;
  const filtered = OF_LOCATION.exec(filter)?.[1];
  if (filter !== "" && filtered === undefined)
    return armErrors.invalidFilter(filter, ["location eq '<location>'"]);
  const locations = filtered === undefined ? regionsOf(world) : hasRegion(world, filtered) ? [filtered] : [];
  return reply(200, {
    value: locations.flatMap((location) => [
      ...availabilitySetSkus(location),
      ...DISK_SKU_NAMES.flatMap((name) => diskSkus(world, name, location)),
      ...snapshotSkus(world, location),
      ...VM_SIZES.map((size) => vmSku(world, size, location)),
    ]),
  });
}

/** GET vmSizes: the old list, of which drivers read `maxDataDiskCount`. */
export function listVmSizesHandler(): HandlerResult {
  return reply(200, {
    value: VM_SIZES.map((size) => ({
      name: size.name,
      numberOfCores: size.vcpus,
      osDiskSizeInMB: 1_047_552,
      resourceDiskSizeInMB: 0,
      memoryInMB: size.memoryGiB * 1024,
      maxDataDiskCount: size.dataDisksMax,
    })),
  });
}

function vmSku(world: World, size: VmSize, location: string): JsonObject {
  const ultraZones = size.ultraSsd ? firstZones(regionNamed(location).ultra ?? 0) : [];
  const ultra = { Name: ultraZones, capabilities: capabilities({ UltraSSDAvailable: "True" }) };
  return {
    resourceType: "virtualMachines",
    name: size.name,
    tier: "Standard",
    size: size.name.replace("Standard_", ""),
    family: familyOf(size.name),
    locations: [location],
    locationInfo: [{ location, zones: zonesIn(location), zoneDetails: ultraZones.length > 0 ? [ultra] : [] }],
    capabilities: capabilities({
      vCPUs: String(size.vcpus),
      vCPUsAvailable: String(size.vcpus),
      MemoryGB: String(size.memoryGiB),
      MaxDataDiskCount: String(size.dataDisksMax),
      PremiumIO: size.premiumIo ? "True" : "False",
      DiskControllerTypes: size.controllerTypes.join(", "),
      // The "p" of a size's name.
      CpuArchitectureType: /\dp[a-z]*_/.test(size.name) ? "Arm64" : "x64",
      HyperVGenerations: "V1,V2",
      // Of regions whose VMs have Ultra disks only without a zone (Learn, Using Azure Ultra Disks).
      ...(size.ultraSsd && regionNamed(location).ultra === 0 ? { UltraSSDAvailable: "True" } : {}),
    }),
    restrictions: restrictionsOf(world, size.name, location),
  };
}
