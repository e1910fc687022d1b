import type { Clock } from "../../ports/clock.ts";

/**
 * The longest time that a silence of the source counts as watching; a longer one is a source, a watch or a
 * process of ours that stood still.
 */
const WATCHED_GAP_MAX_MS = 15_000;

/** Adds up the time during which somebody was heard often enough to say that it was watched. */
export interface WatchedTime {
  readonly hear: () => void;
  readonly totalMs: () => number;
  /**
   * What the total will be if something is heard right now: an own write is learnt of between two words of
   * the watch, and has not stood since the earlier one.
   */
  readonly totalMsNow: () => number;
  readonly lastHeardElapsedMs: () => number | undefined;
}

/** A count that begins with the first `hear`. */
export function createWatchedTime(clock: Clock): WatchedTime {
  let totalMs = 0;
  let lastHeardMs: number | undefined;
  const totalMsNow = (): number =>
    totalMs + (lastHeardMs === undefined ? 0 : Math.min(clock.elapsedMs() - lastHeardMs, WATCHED_GAP_MAX_MS));
  return {
    hear: () => {
      totalMs = totalMsNow();
      lastHeardMs = clock.elapsedMs();
    },
    totalMs: () => totalMs,
    totalMsNow,
    lastHeardElapsedMs: () => lastHeardMs,
  };
}
