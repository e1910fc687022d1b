import type { DiskSku } from "./disk-sku.ts";

/** The range in which IOPS and throughput are set apart from the size. MB are Azure's: 10^6 bytes. */
export interface PerformanceRules {
  /** Least IOPS of any disk, and for each GiB. */
  readonly iopsMin: number;
  readonly iopsMinPerGiB: number;
  /** Most IOPS for each GiB, and of any disk. */
  readonly iopsPerGiB: number;
  readonly iopsMax: number;
  readonly mbpsMin: number;
  readonly mbpsMax: number;
  /** Throughput at most for each of the IOPS that the disk has. */
  readonly mbpsPerIops: number;
  /** IOPS at most for each MB/s of throughput. */
  readonly iopsPerMbps: number;
}

export interface SkuRules {
  readonly sizeMinGiB: number;
  readonly sizeMaxGiB: number;
  /** How many VMs may share a disk: the first row that is large enough. */
  readonly shares: readonly { readonly sizeMaxGiB: number; readonly shares: number }[];
  /** The host caches disks up to this size. 0: of no size. */
  readonly cachedMaxGiB: number;
  /** Absent: IOPS, throughput and sector size follow from SKU and size. */
  readonly performance?: PerformanceRules;
  /** The least size for on-demand bursting. Absent: not offered. */
  readonly burstingMinGiB?: number;
  /** Whether a VM of the M series may attach the disk with write accelerator. */
  readonly isAccelerated?: true;
  /** The least size for performance plus. Absent: not offered. */
  readonly performancePlusMinGiB?: number;
  /** Whether Azure encrypts a disk with its own key besides the customer's. */
  readonly isDoublyEncrypted?: true;
}

const SIZE_MAX_GIB = 32_767;
const FLEXIBLE_SIZE_MAX_GIB = 65_536;
/** Azure caches no disk from 4 TiB on; its documents put the boundary at 4,095 GiB. */
const CACHED_SIZE_MAX_GIB = 4095;
/** Above P20 and E20, the largest tiers that burst on credits alone. */
const LARGE_SIZE_MIN_GIB = 513;

const ANY_SIZE = Number.POSITIVE_INFINITY;
const ANY_IOPS = Number.POSITIVE_INFINITY;
const unshared = [{ sizeMaxGiB: ANY_SIZE, shares: 1 }];
/** Azure's limits on shared disks by performance tier: P20/E20, P50/E50, P80/E80. */
const sharedByTier = [
  { sizeMaxGiB: 512, shares: 3 },
  { sizeMaxGiB: 4096, shares: 5 },
  { sizeMaxGiB: ANY_SIZE, shares: 10 },
];
const sharedFlexibly = [{ sizeMaxGiB: ANY_SIZE, shares: 15 }];

const hdd: SkuRules = {
  sizeMinGiB: 1,
  sizeMaxGiB: SIZE_MAX_GIB,
  shares: unshared,
  cachedMaxGiB: CACHED_SIZE_MAX_GIB,
  performancePlusMinGiB: LARGE_SIZE_MIN_GIB,
  isDoublyEncrypted: true,
};
const ssd: SkuRules = { ...hdd, shares: sharedByTier };
const premium: SkuRules = { ...ssd, burstingMinGiB: LARGE_SIZE_MIN_GIB, isAccelerated: true };

/**
 * The rules for each SKU and size, from Azure's "Select a disk type" (August 2026), "Share an Azure managed
 * disk", "Managed disk bursting", "Enable Write Accelerator" and "Enable double encryption at rest". The
 * parser, the disk loop and docs/reference/storage-class.md read this table alone.
 */
export const skuRules: Readonly<Record<DiskSku, SkuRules>> = {
  Standard_LRS: hdd,
  StandardSSD_LRS: ssd,
  StandardSSD_ZRS: ssd,
  Premium_LRS: premium,
  Premium_ZRS: premium,
  UltraSSD_LRS: {
    sizeMinGiB: 4,
    sizeMaxGiB: FLEXIBLE_SIZE_MAX_GIB,
    shares: sharedFlexibly,
    cachedMaxGiB: 0,
    performance: {
      iopsMin: 100,
      iopsMinPerGiB: 1,
      iopsPerGiB: 1000,
      iopsMax: 400_000,
      mbpsMin: 1,
      mbpsMax: 10_000,
      mbpsPerIops: 0.25,
      // Room for operations of 4 KiB: Azure refused 255 MB/s with 65,535 IOPS (azuredisk-csi-driver pull
      // request 1494).
      iopsPerMbps: 256,
    },
  },
  PremiumV2_LRS: {
    sizeMinGiB: 1,
    sizeMaxGiB: FLEXIBLE_SIZE_MAX_GIB,
    shares: sharedFlexibly,
    cachedMaxGiB: 0,
    performance: {
      iopsMin: 3000,
      iopsMinPerGiB: 0,
      iopsPerGiB: 500,
      iopsMax: 80_000,
      mbpsMin: 125,
      mbpsMax: 2000,
      mbpsPerIops: 0.25,
      iopsPerMbps: ANY_IOPS,
    },
  },
};

/** Whether Azure caches any disk of this SKU with so many shares; a large one is not cached all the same. */
export function isCacheable({
  skuName,
  maxShares,
}: {
  readonly skuName: DiskSku;
  readonly maxShares: number;
}): boolean {
  return maxShares === 1 && skuRules[skuName].cachedMaxGiB > 0;
}

/** The rules of a SKU in any case; undefined: it is not known. */
export function rulesOf(skuName: string): SkuRules | undefined {
  return Object.entries(skuRules).find(([sku]) => sku.toLowerCase() === skuName.toLowerCase())?.[1];
}

/** Whether a disk of a SKU, in any case, may burst on demand. */
export function canBurst(skuName: string): boolean {
  return rulesOf(skuName)?.burstingMinGiB !== undefined;
}

export function iopsRange(rules: PerformanceRules, sizeGiB: number): { min: number; max: number } {
  const min = Math.max(rules.iopsMin, rules.iopsMinPerGiB * sizeGiB);
  const max = Math.min(rules.iopsMax, Math.max(rules.iopsMin, rules.iopsPerGiB * sizeGiB));
  return { min, max };
}

/** The least and the most throughput, in MB/s, of a disk with `iops`. */
export function mbpsRange(rules: PerformanceRules, iops: number): { min: number; max: number } {
  const min = Math.max(rules.mbpsMin, Math.ceil(iops / rules.iopsPerMbps));
  const max = Math.min(rules.mbpsMax, Math.max(rules.mbpsMin, Math.floor(iops * rules.mbpsPerIops)));
  return { min, max };
}
