import type { SeededRandom } from "./random.ts";

/**
 * The duration of an operation: log-normal, given by two quantiles that are easy to read off a dashboard.
 */
export interface Latency {
  /** Half of the operations are faster, in milliseconds. */
  readonly medianMs: number;
  /** One in a hundred is slower, in milliseconds. At least `medianMs`. */
  readonly p99Ms: number;
  /** Added for every data disk that the operation attaches or detaches, in milliseconds. Default 0. */
  readonly perDiskMs?: number;
}

export type LatencyName =
  | "diskCreate"
  | "diskUpdate"
  | "diskDelete"
  | "diskCopy"
  | "diskConvert"
  | "attach"
  | "detach"
  | "forceDetach"
  | "snapshotCreate"
  | "snapshotDelete"
  | "vmCreate"
  | "vmUpdate"
  | "vmUnchanged"
  | "vmDelete"
  | "vmStart"
  | "vmStop"
  | "vmForcedStop"
  | "vmDeallocate"
  | "vmForcedDeallocate"
  | "vmRestart"
  | "vmRedeploy"
  | "vmReapply"
  | "vmReimage"
  | "runCommand"
  | "ownershipRelease"
  | "sharedAttachRace"
  | "snapshotBackgroundCopy"
  | "diskBackgroundCopy";

export type Latencies = Readonly<Record<LatencyName, Latency>>;

/**
 * Defaults. Disk writes: recorded traffic (0.11 .. 0.13 s on the server). Attach and detach: recorded 12 s
 * and 9 s for one disk, means of 12.9 s and 13.6 s in the field, tails of one to two minutes. PATCHes that
 * change nothing of a VM: recorded to be over by a GET of the same second, and 0.14 s on the server. Forced
 * detach, power actions and background copies are not published: inferred.
 */
export const DEFAULT_LATENCIES: Latencies = {
  diskCreate: { medianMs: 150, p99Ms: 1000 },
  diskUpdate: { medianMs: 130, p99Ms: 1000 },
  diskDelete: { medianMs: 500, p99Ms: 3000 },
  diskCopy: { medianMs: 2000, p99Ms: 10_000 },
  // To Premium SSD v2, in the background: hours, longer for larger disks.
  diskConvert: { medianMs: 7_200_000, p99Ms: 36_000_000 },
  attach: { medianMs: 8000, p99Ms: 60_000, perDiskMs: 300 },
  detach: { medianMs: 9000, p99Ms: 120_000, perDiskMs: 300 },
  forceDetach: { medianMs: 15_000, p99Ms: 60_000, perDiskMs: 300 },
  snapshotCreate: { medianMs: 2000, p99Ms: 8000 },
  snapshotDelete: { medianMs: 1000, p99Ms: 5000 },
  vmCreate: { medianMs: 20_000, p99Ms: 90_000 },
  vmUpdate: { medianMs: 3000, p99Ms: 15_000 },
  vmUnchanged: { medianMs: 150, p99Ms: 1000 },
  vmDelete: { medianMs: 15_000, p99Ms: 60_000 },
  vmStart: { medianMs: 15_000, p99Ms: 60_000 },
  vmStop: { medianMs: 10_000, p99Ms: 60_000 },
  // A forced stop does not wait for the guest to shut down.
  vmForcedStop: { medianMs: 5000, p99Ms: 30_000 },
  vmDeallocate: { medianMs: 25_000, p99Ms: 120_000 },
  vmForcedDeallocate: { medianMs: 12_500, p99Ms: 60_000 },
  vmRestart: { medianMs: 20_000, p99Ms: 90_000 },
  vmRedeploy: { medianMs: 60_000, p99Ms: 300_000 },
  vmReimage: { medianMs: 60_000, p99Ms: 300_000 },
  vmReapply: { medianMs: 5000, p99Ms: 30_000 },
  // Before the script: Azure says that one takes 20 s at least.
  runCommand: { medianMs: 20_000, p99Ms: 60_000 },
  ownershipRelease: { medianMs: 2000, p99Ms: 20_000 },
  // The width of the window in which two first attaches of a shared disk collide: about 200 ms apart they
  // were seen to fail with ConflictingUserInput.
  sharedAttachRace: { medianMs: 200, p99Ms: 200 },
  snapshotBackgroundCopy: { medianMs: 120_000, p99Ms: 1_200_000 },
  diskBackgroundCopy: { medianMs: 120_000, p99Ms: 1_200_000 },
};

const Z_99 = 2.326;
/** A log-normal distribution has no upper bound; a test needs one. */
const CEILING_TIMES_P99 = 3;

/** Draws a duration in milliseconds, before any time scale. */
export function drawLatencyMs(latency: Latency, random: SeededRandom, dataDisks = 0): number {
  const extraMs = (latency.perDiskMs ?? 0) * dataDisks;
  if (latency.medianMs <= 0) return extraMs;
  const sigma = Math.log(Math.max(1, latency.p99Ms / latency.medianMs)) / Z_99;
  const drawn = latency.medianMs * Math.exp(sigma * standardNormal(random));
  return Math.min(drawn, latency.p99Ms * CEILING_TIMES_P99) + extraMs;
}

function standardNormal(random: SeededRandom): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
  return radius * Math.cos(2 * Math.PI * random.next());
}
