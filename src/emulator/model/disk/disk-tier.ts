import { type DiskFamily, hasSettablePerformance } from "./disk-sku.ts";

/** A step of a disk family whose performance follows its size, such as P10. */
export interface DiskTier {
  readonly name: string;
  readonly sizeMaxGiB: number;
  readonly iops: number;
  readonly mbps: number;
}

type Step = readonly [number: number, sizeMaxGiB: number, iops: number, mbps: number];

const PREMIUM: readonly Step[] = [
  [1, 4, 120, 25],
  [2, 8, 120, 25],
  [3, 16, 120, 25],
  [4, 32, 120, 25],
  [6, 64, 240, 50],
  [10, 128, 500, 100],
  [15, 256, 1100, 125],
  [20, 512, 2300, 150],
  [30, 1024, 5000, 200],
  [40, 2048, 7500, 250],
  [50, 4096, 7500, 250],
  [60, 8192, 16_000, 500],
  [70, 16_384, 18_000, 750],
  [80, 32_767, 20_000, 900],
];
const STANDARD_SSD: readonly Step[] = PREMIUM.map(([number, sizeMaxGiB]) => {
  if (number <= 50) return [number, sizeMaxGiB, 500, 100];
  if (number === 60) return [number, sizeMaxGiB, 2000, 400];
  return number === 70 ? [number, sizeMaxGiB, 4000, 600] : [number, sizeMaxGiB, 6000, 750];
});
const STANDARD_HDD: readonly Step[] = PREMIUM.filter(([number]) => number >= 4).map(
  ([number, sizeMaxGiB]) => {
    if (number <= 50) return [number, sizeMaxGiB, 500, 60];
    return number === 60 ? [number, sizeMaxGiB, 1300, 300] : [number, sizeMaxGiB, 2000, 500];
  },
);

/** The tiers of a family, smallest first; none for the families without tiers. */
export function tiersOf(family: DiskFamily): readonly DiskTier[] {
  if (hasSettablePerformance(family)) return [];
  const [letter, steps] =
    family === "Premium"
      ? (["P", PREMIUM] as const)
      : family === "StandardSsd"
        ? (["E", STANDARD_SSD] as const)
        : (["S", STANDARD_HDD] as const);
  return steps.map(([number, sizeMaxGiB, iops, mbps]) => ({
    name: `${letter}${number}`,
    sizeMaxGiB,
    iops,
    mbps,
  }));
}

/** The smallest tier that holds the size. The service rounds nothing: the disk keeps the requested size. */
export function tierFor(family: DiskFamily, sizeGiB: number): DiskTier | undefined {
  return tiersOf(family).find((tier) => tier.sizeMaxGiB >= sizeGiB);
}

/** The tier of a disk: a raised one, as long as its size has not as much by itself. */
export function tierOf({
  family,
  sizeGiB,
  raised,
}: {
  readonly family: DiskFamily;
  readonly sizeGiB: number;
  readonly raised: string | undefined;
}): DiskTier | undefined {
  const natural = tierFor(family, sizeGiB);
  const tier = tiersOf(family).find(({ name }) => name === raised);
  return tier !== undefined && natural !== undefined && tier.sizeMaxGiB > natural.sizeMaxGiB ? tier : natural;
}

export interface Performance {
  readonly iops: number;
  readonly mbps: number;
}

type TieredFamily = Exclude<DiskFamily, "PremiumV2" | "Ultra">;

/**
 * By the size of the tier (Learn, Scalability and performance targets for VM disks). Inferred of
 * Standard HDD: all but the 3,000 IOPS and 500 MB/s of the largest.
 */
const PERFORMANCE_PLUS: Readonly<Record<TieredFamily, readonly Omit<DiskTier, "name">[]>> = {
  Premium: [
    { sizeMaxGiB: 1024, iops: 8000, mbps: 300 },
    { sizeMaxGiB: 2048, iops: 16_000, mbps: 600 },
    { sizeMaxGiB: 32_767, iops: 20_000, mbps: 900 },
  ],
  StandardSsd: [
    { sizeMaxGiB: 1024, iops: 1500, mbps: 150 },
    { sizeMaxGiB: 2048, iops: 3000, mbps: 300 },
    { sizeMaxGiB: 4096, iops: 6000, mbps: 600 },
    { sizeMaxGiB: 32_767, iops: 6000, mbps: 750 },
  ],
  StandardHdd: [
    { sizeMaxGiB: 1024, iops: 1500, mbps: 150 },
    { sizeMaxGiB: 2048, iops: 3000, mbps: 300 },
    { sizeMaxGiB: 32_767, iops: 3000, mbps: 500 },
  ],
};

/**
 * The performance of a disk that was created with performance plus: more for its size, without a larger
 * tier.
 */
export function performancePlusOf(family: TieredFamily, tier: DiskTier): Performance | undefined {
  return PERFORMANCE_PLUS[family].find(({ sizeMaxGiB }) => sizeMaxGiB >= tier.sizeMaxGiB);
}

/**
 * The performance of a disk without tiers if none is requested: Premium v2's free base; Ultra's least for
 * its size, and throughput for it. Recorded of 4 and 10 GiB: 100 IOPS and 13 MB/s.
 */
export function basePerformance(family: "PremiumV2" | "Ultra", sizeGiB: number): Performance {
  if (family === "PremiumV2") return { iops: 3000, mbps: 125 };
  const iops = Math.max(100, sizeGiB);
  return { iops, mbps: Math.ceil(iops / 8) };
}

/** The range of performance that a disk without tiers may request. */
interface PerformanceLimits extends Performance {
  readonly iopsMin: number;
  readonly mbpsMin: number;
}

/** What a disk without tiers may request, at most and at least. */
export function performanceLimits(
  family: "PremiumV2" | "Ultra",
  sizeGiB: number,
  iops: number,
): PerformanceLimits {
  if (family === "PremiumV2")
    return {
      iopsMin: 3000,
      iops: Math.min(80_000, Math.max(3000, 500 * sizeGiB)),
      mbpsMin: 125,
      mbps: Math.min(2000, Math.max(125, iops / 4)),
    };
  return {
    iopsMin: Math.max(100, sizeGiB),
    iops: Math.min(400_000, 1000 * sizeGiB),
    // It refused 255 MB/s with 65,535 IOPS (azuredisk-csi-driver pull request 1494).
    mbpsMin: Math.max(1, Math.ceil(iops / 256)),
    mbps: Math.min(10_000, Math.max(1, iops / 4)),
  };
}

/** How many VMs may share a disk of this family and size. 1 means not shareable. */
export function sharesMax(family: DiskFamily, sizeGiB: number): number {
  if (family === "StandardHdd") return 1;
  if (hasSettablePerformance(family)) return 15;
  if (sizeGiB <= 512) return 3;
  return sizeGiB <= 4096 ? 5 : 10;
}
