import type { DiskSpec } from "../../api/az-volume.ts";
import type { DiskSku } from "../disk-sku.ts";
import type { DeviceSetting } from "./device-settings.ts";

/** What Azure promises of one performance tier: base values, and what the disk bursts to by itself. */
interface Tier {
  readonly sizeMaxGiB: number;
  readonly iops: number;
  /** Of 10^6 bytes a second. */
  readonly mbps: number;
  readonly burst?: { readonly iops: number; readonly mbps: number };
}

const creditBurst = { iops: 3500, mbps: 170 };
/** What a large Premium disk bursts to with `enableBursting`. */
const onDemandBurst = { iops: 30_000, mbps: 1000 };

/** P1 to P80, from Azure's "Select a disk type". */
const premiumTiers: readonly Tier[] = [
  { sizeMaxGiB: 32, iops: 120, mbps: 25, burst: creditBurst },
  { sizeMaxGiB: 64, iops: 240, mbps: 50, burst: creditBurst },
  { sizeMaxGiB: 128, iops: 500, mbps: 100, burst: creditBurst },
  { sizeMaxGiB: 256, iops: 1100, mbps: 125, burst: creditBurst },
  { sizeMaxGiB: 512, iops: 2300, mbps: 150, burst: creditBurst },
  { sizeMaxGiB: 1024, iops: 5000, mbps: 200 },
  { sizeMaxGiB: 2048, iops: 7500, mbps: 250 },
  { sizeMaxGiB: 4096, iops: 7500, mbps: 250 },
  { sizeMaxGiB: 8192, iops: 16_000, mbps: 500 },
  { sizeMaxGiB: 16_384, iops: 18_000, mbps: 750 },
  { sizeMaxGiB: 32_767, iops: 20_000, mbps: 900 },
];

/** E1 to E80, from the same page. */
const standardTiers: readonly Tier[] = [
  { sizeMaxGiB: 512, iops: 500, mbps: 60, burst: { iops: 600, mbps: 150 } },
  { sizeMaxGiB: 1024, iops: 500, mbps: 60, burst: { iops: 1000, mbps: 250 } },
  { sizeMaxGiB: 4096, iops: 500, mbps: 60 },
  { sizeMaxGiB: 8192, iops: 2000, mbps: 400 },
  { sizeMaxGiB: 16_384, iops: 4000, mbps: 600 },
  { sizeMaxGiB: 32_767, iops: 6000, mbps: 750 },
];

const tiers: Readonly<Partial<Record<string, readonly Tier[]>>> = {
  Premium_LRS: premiumTiers,
  Premium_ZRS: premiumTiers,
  StandardSSD_LRS: standardTiers,
  StandardSSD_ZRS: standardTiers,
} satisfies Partial<Record<DiskSku, readonly Tier[]>>;

export const basicProfileSkus = Object.keys(tiers);

/** V1's latency of one operation, in seconds, by the size of the tier. */
const latencies = [
  { sizeMaxGiB: 4096, randomS: 0.0022, sequentialS: 0.0033 },
  { sizeMaxGiB: 8192, randomS: 0.0028, sequentialS: 0.0041 },
  { sizeMaxGiB: 16_384, randomS: 0.0034, sequentialS: 0.0046 },
  { sizeMaxGiB: Number.POSITIVE_INFINITY, randomS: 0.004, sequentialS: 0.0052 },
];

const KB_PER_MB = 1000;
/** V1 leaves a quarter of the operations to random ones. */
const SEQUENTIAL_SHARE = 0.75;
const SECTORS_MAX_KB = 512;
const READ_AHEAD_KB = 8;
/** The kernel's least number of requests. */
const REQUESTS_MIN = 4;

/**
 * The settings of `perfProfile: basic`, by V1's formula: requests just large enough that the disk's
 * throughput is reached with its operations, and a queue just deep enough to keep both busy. V1 also lowers
 * them to the limits of the VM's size; here they are the disk's alone, so that they are the same on each
 * node. Empty for a SKU without tiers.
 */
export function basicProfile(
  disk: Pick<DiskSpec, "skuName" | "sizeGiB"> & { readonly burstingEnabled: boolean },
): readonly DeviceSetting[] {
  const tier = tiers[disk.skuName]?.find(({ sizeMaxGiB }) => disk.sizeGiB <= sizeMaxGiB);
  const latency = latencies.find(({ sizeMaxGiB }) => (tier?.sizeMaxGiB ?? 0) <= sizeMaxGiB);
  if (tier === undefined || latency === undefined) return [];
  const { iops, mbps } = tier.burst ?? (disk.burstingEnabled ? onDemandBurst : tier);
  const kbps = mbps * KB_PER_MB;
  const sectorsKb = Math.ceil(Math.min(SECTORS_MAX_KB, kbps / (iops * SEQUENTIAL_SHARE)));
  const sequentialDepth = Math.ceil((kbps * latency.sequentialS) / sectorsKb);
  const randomDepth = Math.ceil(iops * latency.randomS);
  const mixedDepth = (1 - SEQUENTIAL_SHARE) * randomDepth + sequentialDepth;
  const depth = Math.max(REQUESTS_MIN, Math.ceil(Math.max(mixedDepth, randomDepth)));
  return [
    { name: "device/queue_depth", value: String(depth) },
    { name: "queue/scheduler", value: "mq-deadline" },
    { name: "queue/nr_requests", value: String(depth) },
    { name: "queue/max_sectors_kb", value: String(sectorsKb) },
    { name: "queue/read_ahead_kb", value: String(READ_AHEAD_KB) },
  ];
}
