import type { Clock } from "../../ports/clock.ts";

/** How long the disappearance of an object is remembered, in milliseconds of watched time. */
export const MISSING_REMEMBERED_MS = 600_000;

/** How long objects of one source have been missing, in milliseconds of watched time (`WatchedTime`). */
export interface MissingTime {
  readonly came: (key: string) => void;
  readonly went: (key: string, watchedMs: number) => void;
  /**
   * Up to `MISSING_REMEMBERED_MS`, for an object that does not exist now. One that never existed has been
   * missing since watching began.
   */
  readonly missingMs: (key: string, watchedMs: number) => number;
}

/** A count without any object yet. */
export function createMissingTime(): MissingTime {
  /** The watched time at which each object disappeared, the earliest first. */
  const wentAtMs = new Map<string, number>();

  function forgetOld(watchedMs: number): void {
    for (const [key, atMs] of wentAtMs) {
      if (watchedMs - atMs < MISSING_REMEMBERED_MS) return;
      wentAtMs.delete(key);
    }
  }

  return {
    came: (key) => wentAtMs.delete(key),
    went: (key, watchedMs) => {
      forgetOld(watchedMs);
      wentAtMs.delete(key);
      wentAtMs.set(key, watchedMs);
    },
    missingMs: (key, watchedMs) =>
      Math.max(0, Math.min(MISSING_REMEMBERED_MS, watchedMs - (wentAtMs.get(key) ?? 0))),
  };
}

/** The longest silence of the source that counts as watching; after a longer one something was paused. */
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
