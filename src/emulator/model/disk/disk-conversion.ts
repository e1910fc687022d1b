import { type ArmFailure, armErrors } from "../api/errors.ts";
import { sameId } from "../api/resource/resource-id.ts";
import { findVm, normalLocation, type World } from "../world.ts";
import { copiedPercent } from "./background-copy.ts";
import { hasSettablePerformance } from "./disk-sku.ts";
import type { Disk, DiskSpec } from "./disk.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
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

/** What a disk remembers of an accepted change, for the limits by day. */
export function notedChanges(
  world: World,
  disk: Disk,
  next: DiskSpec,
): Pick<Disk, "skuChangesAtMs" | "performanceChangesAtMs"> {
  const [sku, performance] = [disk.skuChangesAtMs, disk.performanceChangesAtMs];
  return {
    skuChangesAtMs:
      disk.spec.sku.name === next.sku.name ? recent(world, sku) : [...recent(world, sku), world.nowMs],
    performanceChangesAtMs: isPerformanceChange(disk, next)
      ? [...recent(world, performance), world.nowMs]
      : recent(world, performance),
  };
}

/** Whether a change moves the disk's data to Premium SSD v2, in the background. */
export function isConversion(from: DiskSpec, to: DiskSpec): boolean {
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
    : undefined;
}

function isPerformanceChange(disk: Disk, next: DiskSpec): boolean {
  const [before, after] = [disk.spec.performance, next.performance];
  if (before === undefined || after === undefined) return false;
  return before.iops !== after.iops || before.mbps !== after.mbps;
}

/** Those of the last day, which is as short as the emulator is fast. */
function recent(world: World, timesMs: readonly number[] | undefined): readonly number[] {
  const sinceMs = world.nowMs - DAY_MS * world.settings.timeScale;
  return (timesMs ?? []).filter((timeMs) => timeMs > sinceMs);
}
