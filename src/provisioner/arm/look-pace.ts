import { type Lane, compareLanes } from "../../core/azure/lane.ts";
import { MS_PER_MINUTE } from "../../core/azure/pace/token-bucket.ts";
import type { Clock } from "../../ports/clock.ts";

/** A look at a VM on which Azure works, and when it is due. */
interface NextLook {
  readonly lane: Lane;
  readonly delayMs: number;
  readonly maxMs: number;
}

export type UntilNextLook = (look: NextLook, signal: AbortSignal) => Promise<void>;

/** The share of the front door's reads that looks of one lane, and of more urgent ones, take at most. */
const LOOK_SHARE = 0.5;

/**
 * Builds the pace of looks at VMs. Those at one VM among many are rarer, to leave reads to others; less
 * urgent lanes delay none.
 */
export function createLookPace(clock: Clock, readsPerMinute: number): UntilNextLook {
  /** For how many VMs each lane waits to look at them again. */
  const vmsAwaited = new Map<Lane, number>();
  const lookEveryMs = MS_PER_MINUTE / (readsPerMinute * LOOK_SHARE);

  return async ({ lane, delayMs, maxMs }, signal) => {
    vmsAwaited.set(lane, (vmsAwaited.get(lane) ?? 0) + 1);
    const asUrgent = [...vmsAwaited].filter(([other]) => compareLanes(other, lane) <= 0);
    const spacingMs = lookEveryMs * asUrgent.reduce((sum, [, vms]) => sum + vms, 0);
    try {
      await clock.sleep(Math.min(maxMs, Math.max(delayMs, spacingMs)), signal);
    } finally {
      vmsAwaited.set(lane, (vmsAwaited.get(lane) ?? 0) - 1);
    }
  };
}
