import { fromTimestamp } from "../primitives/timestamp.ts";

/** Progress is reported in steps of so many percent, as in V1. */
const PROGRESS_STEP_PERCENT = 20;

/**
 * In how many milliseconds the progress of background work on a disk is read again, `everyMs` after it was
 * read last; 0 where that is due.
 */
export function untilReadMs(readTime: string, everyMs: number, nowMs: number): number {
  const waitedMs = nowMs - fromTimestamp(readTime);
  // A clock that was set back must not postpone the look for ever.
  return waitedMs >= 0 && waitedMs < everyMs ? everyMs - waitedMs : 0;
}

/** Whether an event reports progress from `before` to `after` percent: the first, and each new step. */
export function isNextStep(before: number | undefined, after: number): boolean {
  const stepOf = (percent: number): number => Math.floor(percent / PROGRESS_STEP_PERCENT);
  return before === undefined || stepOf(before) < stepOf(after);
}
