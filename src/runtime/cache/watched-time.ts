import type { Clock } from "../../ports/clock.ts";

/**
 * The longest silence of the source that counts as watching. A longer one means that a source, a watch or
 * this process was paused.
 */
const WATCHED_GAP_MAX_MS = 15_000;

/** Adds up the time during which the source reported often enough to count as watched. */
export interface WatchedTime {
  readonly recordReport: () => void;
  readonly totalMs: () => number;
  /**
   * The total if a report comes right now: an own write arrives between two reports of the watch, and has
   * not existed since the earlier one.
   */
  readonly totalMsNow: () => number;
  readonly lastReportElapsedMs: () => number | undefined;
}

/** A count that begins with the first report. */
export function createWatchedTime(clock: Clock): WatchedTime {
  let totalMs = 0;
  let lastReportMs: number | undefined;
  const totalMsNow = (): number =>
    totalMs +
    (lastReportMs === undefined ? 0 : Math.min(clock.elapsedMs() - lastReportMs, WATCHED_GAP_MAX_MS));
  return {
    recordReport: () => {
      totalMs = totalMsNow();
      lastReportMs = clock.elapsedMs();
    },
    totalMs: () => totalMs,
    totalMsNow,
    lastReportElapsedMs: () => lastReportMs,
  };
}
