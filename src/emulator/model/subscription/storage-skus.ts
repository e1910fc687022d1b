import type { JsonObject } from "../api/json.ts";
import { type DiskFamily, type DiskSku, findDiskSku } from "../disk/disk-sku.ts";
import { basePerformance, type DiskTier, performanceLimits, sharesMax, tiersOf } from "../disk/disk-tier.ts";
import type { World } from "../world.ts";
import { zonesOfSku } from "./disk-skus-in-region.ts";
import { zonesIn } from "./regions.ts";
import { restrictionsOf } from "./restricted-skus.ts";

// What the list of SKUs has beside sizes of VMs, in the order and with the capabilities of a published list
// of `az vm list-skus` (westus, 2020). Inferred: the figures of kinds of disks which are newer.

const FAULT_DOMAINS_MAX = 3;
/** The largest disk that has credits for bursts, in GiB: P20. */
const BURST_SIZE_MAX_GIB = 512;
const BURST = { iops: 3500, mbps: 170, minutes: 30 };
const MIB_IN_GIB = 1024;
const READ_BLOCK_KIB = { least: 4, most: 256 };

/** The kinds of availability sets: with unmanaged and with managed disks. */
export function availabilitySetSkus(location: string): readonly JsonObject[] {
  return ["Classic", "Aligned"].map((name) => ({
    resourceType: "availabilitySets",
    name,
    locations: [location],
    locationInfo: [{ location, zones: [], zoneDetails: [] }],
    capabilities: capabilities({ MaximumPlatformFaultDomainCount: String(FAULT_DOMAINS_MAX) }),
    restrictions: [],
  }));
}

/** The SKUs of snapshots, which have no capabilities; a zone-redundant one where there are zones. */
export function snapshotSkus(world: World, location: string): readonly JsonObject[] {
  return [
    { name: "Standard_LRS", tier: "Standard" },
    { name: "Premium_LRS", tier: "Premium" },
    ...(zonesIn(location).length > 0 ? [{ name: "Standard_ZRS", tier: "Standard" }] : []),
  ].map(({ name, tier }) => ({
    resourceType: "snapshots",
    name,
    tier,
    locations: [location],
    locationInfo: [{ location, zones: [], zoneDetails: [] }],
    restrictions: restrictionsOf(world, name, location),
  }));
}

/** The SKUs of disks of that name: one of each size where performance follows from the size. */
export function diskSkus(world: World, name: string, location: string): readonly JsonObject[] {
  const sku = findDiskSku(name);
  const zones = sku === undefined ? undefined : zonesOfSku(sku, location);
  if (sku === undefined || zones === undefined) return [];
  const tiers = tiersOf(sku.family);
  const places = {
    locations: [location],
    locationInfo: [{ location, zones, zoneDetails: [] }],
    restrictions: restrictionsOf(world, name, location),
  };
  if (tiers.length === 0) {
    return [
      {
        resourceType: "disks",
        name,
        tier: sku.tier,
        size: sku.family === "Ultra" ? "U" : "P",
        ...places,
        capabilities: capabilities({
          MaxSizeGiB: String(sku.sizeMaxGiB),
          MinSizeGiB: String(sku.sizeMinGiB),
          ...settableRange(sku),
        }),
      },
    ];
  }
  return tiers.map((tier, index) => ({
    resourceType: "disks",
    name,
    tier: sku.tier,
    size: tier.name,
    ...places,
    capabilities: capabilities(tierRange(sku.family, tier, tiers[index - 1])),
  }));
}

/** The permitted values of a disk whose performance is independent of its size. */
function settableRange({ family, sizeMinGiB, sizeMaxGiB }: DiskSku): Readonly<Record<string, string>> {
  if (family !== "PremiumV2" && family !== "Ultra") return {};
  const least = basePerformance(family, sizeMinGiB);
  const most = performanceLimits(family, sizeMaxGiB, Infinity);
  return {
    MaxIOpsReadWrite: String(most.iops),
    MinIOpsReadWrite: String(least.iops),
    MaxBandwidthMBpsReadWrite: String(most.mbps),
    MinBandwidthMBpsReadWrite: String(least.mbps),
    MaxValueOfMaxShares: String(sharesMax(family, sizeMaxGiB)),
    MinIOSizeKiBps: String(READ_BLOCK_KIB.least),
    MaxIOSizeKiBps: String(READ_BLOCK_KIB.most),
    ...(family === "Ultra"
      ? {
          MinIopsReadOnly: String(least.iops),
          MaxIopsReadOnly: String(most.iops),
          MinBandwidthMBpsReadOnly: String(least.mbps),
          MaxBandwidthMBpsReadOnly: String(most.mbps),
        }
      : {}),
  };
}

/**
 * The figures of a size. It begins where the one before ends; of an HDD it has the IOPS of the one before at
 * least. Credits for bursts are what the burst takes beyond the size's own figures, for as long as it lasts.
 */
function tierRange(
  family: DiskFamily,
  tier: DiskTier,
  smaller: DiskTier | undefined,
): Readonly<Record<string, string>> {
  const least = family === "StandardHdd" ? (smaller ?? tier) : tier;
  const seconds = BURST.minutes * 60;
  return {
    MaxSizeGiB: String(tier.sizeMaxGiB),
    MinSizeGiB: String(smaller?.sizeMaxGiB ?? 0),
    MaxIOps: String(tier.iops),
    MinIOps: String(least.iops),
    MaxBandwidthMBps: String(tier.mbps),
    MinBandwidthMBps: String(least.mbps),
    MaxValueOfMaxShares: String(sharesMax(family, tier.sizeMaxGiB)),
    ...(family === "Premium" && tier.sizeMaxGiB <= BURST_SIZE_MAX_GIB
      ? {
          MaxBurstIops: String(BURST.iops),
          MaxBurstBandwidthMBps: String(BURST.mbps),
          MaxBurstDurationInMin: String(BURST.minutes),
          BurstCreditBucketSizeInIO: String((BURST.iops - tier.iops) * seconds),
          BurstCreditBucketSizeInGiB: String(Math.round(((BURST.mbps - tier.mbps) * seconds) / MIB_IN_GIB)),
        }
      : {}),
  };
}

/** Names and values of what a SKU can do; a value is a text. */
export function capabilities(values: Readonly<Record<string, string>>): readonly JsonObject[] {
  return Object.entries(values).map(([name, value]) => ({ name, value }));
}
