import { type ArmFailure, armErrors } from "../api/errors.ts";
import { sameId } from "../api/resource/resource-id.ts";
import { delayMs } from "../pace/operations.ts";
import { checkDiskPlace } from "../subscription/disk-skus-in-region.ts";
import { findVm, normalLocation, type World } from "../world.ts";
import { copiedPercent } from "./copy/background-copy.ts";
import { checkBackgroundCopies } from "./copy/copy-limits.ts";
import { hasSettablePerformance } from "./disk-sku.ts";
import { tierOf } from "./disk-tier.ts";
import type { Disk, DiskSpec } from "./disk.ts";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
/** "Can be disabled 12 hours after it has been enabled" (Learn, Enable on-demand bursting). */
const BURSTING_MIN_MS = 12 * HOUR_MS;
/** "Downgraded only once every 12 hours" (Learn, Performance tiers for managed disks). */
const TIER_LOWERED_EVERY_MS = 12 * HOUR_MS;
/** "You can only change disk type twice per day" (Learn, Convert the disk type of a managed disk). */
const SKU_CHANGES_MAX = 2;
/** IOPS and throughput change up to four times in 24 hours (Learn, Deploy a Premium SSD v2). */
const PERFORMANCE_CHANGES_MAX = 4;
/** Conversions to Premium SSD v2 at a time, by subscription and region. */
const CONVERSIONS_MAX = 50;

/** Whether a disk may become one of another SKU now. `active`: running VMs that have it. */
export function checkSkuChange(
  world: World,
  disk: Disk,
  next: DiskSpec,
  active: readonly string[],
): ArmFailure | undefined {
  const [from, to] = [disk.spec.sku, next.sku];
  if (from.name === to.name) return undefined;
  const toV2 = to.family === "PremiumV2";
  const crossesZones = from.zoneRedundant !== to.zoneRedundant && (disk.zones.length > 0 || toV2);
  if (hasSettablePerformance(from.family) || to.family === "Ultra" || crossesZones)
    return armErrors.changeNotAllowedForDisk("sku.name", disk.name);
  const elsewhere = checkDiskPlace(to, disk);
  if (elsewhere !== undefined) return elsewhere;
  if (recent(world, disk.skuChangesAtMs).length >= SKU_CHANGES_MAX)
    return armErrors.changedTooOften("sku", disk.name, SKU_CHANGES_MAX);
  const isOnline = toV2 && disk.spec.maxShares === 1;
  if (world.settings.changesWhileAttached === "refuse" && active.length > 0 && !isOnline)
    return armErrors.changeWhileAttached("sku", disk.name, active);
  return toV2 ? checkConversion(world, disk) : undefined;
}

/** Whether the performance of a disk may change now: so often a day, and its creation counts as one. */
export function checkPerformanceChange(world: World, disk: Disk, next: DiskSpec): ArmFailure | undefined {
  return isPerformanceChange(disk, next) &&
    recent(world, disk.performanceChangesAtMs).length >= PERFORMANCE_CHANGES_MAX
    ? armErrors.changedTooOften("performance", disk.name, PERFORMANCE_CHANGES_MAX)
    : undefined;
}

/**
 * Whether bursting and tier of a Premium disk may change now. `active`: running VMs that have it. Inferred:
 * codes and words of the refusals.
 */
export function checkPremiumChange(
  world: World,
  disk: Disk,
  next: DiskSpec,
  active: readonly string[],
): ArmFailure | undefined {
  if (disk.spec.sku.family !== "Premium" || next.sku.family !== "Premium") return undefined;
  const isRefused = world.settings.changesWhileAttached === "refuse" && active.length > 0;
  if (isRefused && next.burstingEnabled && !disk.spec.burstingEnabled)
    return armErrors.changeWhileAttached("bursting", disk.name, active);
  if (isRefused && next.tier !== disk.spec.tier && disk.spec.maxShares > 1)
    return armErrors.changeWhileAttached("tier", disk.name, active);
  const endsBursting = disk.spec.burstingEnabled && !next.burstingEnabled;
  if (endsBursting && isWithin(world, disk.burstingEnabledAtMs, BURSTING_MIN_MS))
    return armErrors.burstingKept(disk.name);
  return isTierLowered(disk, next) && isWithin(world, disk.tierLoweredAtMs, TIER_LOWERED_EVERY_MS)
    ? armErrors.tierLoweredTooOften(disk.name)
    : undefined;
}

/** What a disk remembers of an accepted change, for the limits by day. */
export function notedChanges(
  world: World,
  disk: Disk,
  next: DiskSpec,
): Pick<Disk, "skuChangesAtMs" | "performanceChangesAtMs" | "tierLoweredAtMs"> {
  const [sku, performance] = [disk.skuChangesAtMs, disk.performanceChangesAtMs];
  return {
    skuChangesAtMs:
      disk.spec.sku.name === next.sku.name ? recent(world, sku) : [...recent(world, sku), world.nowMs],
    performanceChangesAtMs: isPerformanceChange(disk, next)
      ? [...recent(world, performance), world.nowMs]
      : recent(world, performance),
    ...(isTierLowered(disk, next) ? { tierLoweredAtMs: world.nowMs } : {}),
  };
}

/**
 * What an accepted change makes of a disk. One that becomes a Premium SSD v2 keeps sectors of 512 bytes, and
 * is converted in the background.
 */
export function changedSpec(
  world: World,
  now: Disk,
  spec: DiskSpec,
): Pick<Disk, "spec" | "creationData"> & Partial<Disk> {
  const bursting =
    spec.burstingEnabled && (!now.spec.burstingEnabled || now.burstingEnabledAtMs === undefined)
      ? { burstingEnabledAtMs: world.nowMs }
      : {};
  if (!isConversion(now.spec, spec)) return { spec, creationData: now.creationData, ...bursting };
  return {
    spec,
    creationData: { ...now.creationData, logicalSectorSize: 512 },
    conversion: { startedAtMs: world.nowMs, endsAtMs: world.nowMs + delayMs(world, "diskConvert") },
  };
}

/** Whether a change moves the disk's data to Premium SSD v2, in the background. */
function isConversion(from: DiskSpec, to: DiskSpec): boolean {
  return from.sku.family !== "PremiumV2" && to.sku.family === "PremiumV2";
}

function checkConversion(world: World, disk: Disk): ArmFailure | undefined {
  const cached = disk.owners.some((owner) =>
    findVm(world, owner.vmId)?.dataDisks.some(
      (entry) => sameId(entry.diskId, disk.id) && entry.caching !== "None",
    ),
  );
  if (cached) return armErrors.conversionRefused(disk.name, "its host caching must be None");
  if (disk.spec.burstingEnabled) return armErrors.conversionRefused(disk.name, "its bursting must be off");
  const running = [...world.disks.values()].filter(
    (other) =>
      other.subscriptionId === disk.subscriptionId &&
      normalLocation(other.location) === normalLocation(disk.location) &&
      copiedPercent(other.conversion, world.nowMs) < 100,
  );
  return running.length >= CONVERSIONS_MAX
    ? armErrors.conversionRefused(disk.name, `${CONVERSIONS_MAX} conversions are under way in the region`)
    : checkBackgroundCopies(world, disk.subscriptionId, disk.name);
}

function isPerformanceChange(disk: Disk, next: DiskSpec): boolean {
  const [before, after] = [disk.spec.performance, next.performance];
  if (before === undefined || after === undefined) return false;
  return before.iops !== after.iops || before.mbps !== after.mbps;
}

function isTierLowered({ spec }: Disk, next: DiskSpec): boolean {
  if (spec.sku.family !== "Premium" || next.sku.family !== "Premium") return false;
  const [before = 0, after = 0] = [spec, next].map(
    ({ sizeGiB, tier }) => tierOf({ family: "Premium", sizeGiB, raised: tier })?.sizeMaxGiB,
  );
  return after < before;
}

function isWithin(world: World, sinceMs: number | undefined, forMs: number): boolean {
  return sinceMs !== undefined && world.nowMs - sinceMs < forMs * world.settings.timeScale;
}

/** Those of the last day, which is as short as the emulator is fast. */
function recent(world: World, timesMs: readonly number[] | undefined): readonly number[] {
  const sinceMs = world.nowMs - DAY_MS * world.settings.timeScale;
  return (timesMs ?? []).filter((timeMs) => timeMs > sinceMs);
}
