import type { DiskSpec } from "../api/az-volume.ts";
import type { DiskSku } from "./disk-sku.ts";
import { iopsRange, mbpsRange, type PerformanceRules, rulesOf, skuRules } from "./sku-rules.ts";

/** IOPS, and throughput in MB/s, of a disk; undefined: not stated, or not known. */
export interface DiskPerformance {
  readonly diskIOPSReadWrite?: number | undefined;
  readonly diskMBpsReadWrite?: number | undefined;
}

const ULTRA_DEFAULT_IOPS = 500;
const ULTRA_DEFAULT_IOPS_MAX = 160_000;
const ULTRA_DEFAULT_MBPS = 100;
const ULTRA_DEFAULT_MBPS_MAX = 4000;

/**
 * IOPS and throughput of a new Ultra disk for which not both are stated, as V1 chooses them: each alone is
 * 500 IOPS or 100 MB/s, and both follow from the size where neither is stated. Where Azure refuses V1's
 * number, it is the nearest one that goes with what is stated. All other disks get Azure's defaults.
 */
export function defaultPerformance(
  skuName: DiskSku,
  sizeGiB: number,
  { diskIOPSReadWrite, diskMBpsReadWrite: mbps }: DiskPerformance,
): Pick<DiskSpec, "diskIOPSReadWrite" | "diskMBpsReadWrite"> {
  const rules = skuRules[skuName].performance;
  if (skuName !== "UltraSSD_LRS" || rules === undefined) return {};
  const iops = diskIOPSReadWrite ?? defaultIops(rules, sizeGiB, mbps);
  return { diskIOPSReadWrite: iops, diskMBpsReadWrite: mbps ?? defaultMbps(rules, iops) };
}

function defaultIops(rules: PerformanceRules, sizeGiB: number, mbps: number | undefined): number {
  const { min, max } = iopsRange(rules, sizeGiB);
  if (mbps === undefined) return Math.min(ULTRA_DEFAULT_IOPS_MAX, Math.max(ULTRA_DEFAULT_IOPS, sizeGiB));
  const least = Math.max(min, Math.ceil(mbps / rules.mbpsPerIops));
  return Math.min(max, Math.max(least, Math.min(ULTRA_DEFAULT_IOPS, mbps * rules.iopsPerMbps)));
}

function defaultMbps(rules: PerformanceRules, iops: number): number {
  const { min, max } = mbpsRange(rules, iops);
  return Math.min(ULTRA_DEFAULT_MBPS_MAX, max, Math.max(ULTRA_DEFAULT_MBPS, min));
}

/**
 * What of a disk's performance has to rise with its size, because Azure allows no less of a disk of that
 * size; empty: nothing. Ultra disks have an operation a second for each GiB at least.
 */
export function raisedPerformance(
  skuName: string,
  sizeGiB: number,
  present: DiskPerformance,
): DiskPerformance {
  const { diskIOPSReadWrite, diskMBpsReadWrite } = allowedPerformance(skuName, sizeGiB, present);
  // Of a disk whose IOPS are enough, Azure has taken the throughput before.
  if (diskIOPSReadWrite === present.diskIOPSReadWrite) return {};
  return diskMBpsReadWrite === present.diskMBpsReadWrite
    ? { diskIOPSReadWrite }
    : { diskIOPSReadWrite, diskMBpsReadWrite };
}

/** A performance, raised to what Azure allows at least of a disk of that size; what is undefined stays so. */
export function allowedPerformance(
  skuName: string,
  sizeGiB: number,
  { diskIOPSReadWrite, diskMBpsReadWrite: mbps }: DiskPerformance,
): DiskPerformance {
  const rules = rulesOf(skuName)?.performance;
  if (rules === undefined || diskIOPSReadWrite === undefined)
    return { diskIOPSReadWrite, diskMBpsReadWrite: mbps };
  const iops = Math.max(diskIOPSReadWrite, iopsRange(rules, sizeGiB).min);
  return {
    diskIOPSReadWrite: iops,
    diskMBpsReadWrite: mbps === undefined ? undefined : Math.max(mbps, mbpsRange(rules, iops).min),
  };
}

/**
 * Why a disk can't have a throughput with its IOPS, as a sentence; undefined: it can, or Azure has to judge
 * it. `present`: what Azure shows of the disk.
 */
export function throughputProblem(
  skuName: string,
  present: DiskPerformance,
  { diskIOPSReadWrite, diskMBpsReadWrite: mbps }: DiskPerformance,
): string | undefined {
  const rules = rulesOf(skuName)?.performance;
  const iops = diskIOPSReadWrite ?? present.diskIOPSReadWrite;
  if (rules === undefined || iops === undefined || mbps === undefined) return undefined;
  const { min, max } = mbpsRange(rules, iops);
  const range = `must be from ${min} to ${max} for a ${skuName} disk of ${iops} IOPS`;
  if (mbps < min) return range;
  return mbps <= max ? undefined : `${range}; raise DiskIOPSReadWrite for more`;
}
