/** How often a long-running operation is asked how far it is. */
export interface PollPace {
  /** Shortest delay between two polls, in milliseconds. */
  readonly minMs: number;
  /** Longest delay, in milliseconds; also the most that a `Retry-After` of the service can ask for. */
  readonly maxMs: number;
}

/** The share of the time spent so far that the next delay adds: a tenth of a long wait is not noticed, and calls are counted. */
const SHARE_OF_ELAPSED = 0.1;

/** Durations of like operations that are remembered, and how many tell anything. */
export const RECENT_DURATIONS_MAX = 16;
const RECENT_DURATIONS_MIN = 8;

/**
 * The delay before the next poll: grows with the time that the operation has taken so far. Bounds the polls of an operation of 10 s to 10, of one of a minute to 30.
 * Where enough like operations have been seen, there is no poll before the time that the fastest of them took: the calls are needed elsewhere.
 */
export function pollDelayMs(
  pace: PollPace,
  options: { readonly elapsedMs: number; readonly retryAfterMs: number | undefined; readonly recentDurationsMs?: readonly number[] },
): number {
  const { elapsedMs, retryAfterMs = 0, recentDurationsMs: recent = [] } = options;
  const delayMs = Math.min(pace.maxMs, Math.max(pace.minMs, elapsedMs * SHARE_OF_ELAPSED, retryAfterMs));
  const fastestMs = recent.length < RECENT_DURATIONS_MIN ? 0 : Math.min(...recent);
  return elapsedMs < fastestMs ? fastestMs - elapsedMs : delayMs;
}
