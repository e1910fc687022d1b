/** How often a long-running operation is asked how far it is. */
export interface PollPace {
  /** Shortest delay between two polls, in milliseconds. */
  readonly minMs: number;
  /** Longest delay, in milliseconds; also the most that a `Retry-After` of the service can ask for. */
  readonly maxMs: number;
}

/**
 * The share of the time spent so far that the next delay adds: a tenth of a long wait is not noticed, and
 * calls are counted.
 */
const SHARE_OF_ELAPSED = 0.1;

/** Durations of like operations that are remembered, and how many tell anything. */
export const RECENT_DURATIONS_MAX = 16;
const RECENT_DURATIONS_MIN = 8;
/** Of the spread of durations: how closely polls follow where the end is expected. */
const CLOSE_SHARE = 0.125;
/**
 * Of the usual delay: how closely at the most. A poll that comes a moment too early must not cost more than
 * all the rest of the call.
 */
const CLOSEST_SHARE = 0.025;
/**
 * Of the time since the end was expected: polls become rare again for an operation that takes longer than
 * others.
 */
const OVERDUE_SHARE = 0.5;

/**
 * The delay before the next poll: grows with the time that the operation has taken so far. Bounds the polls
 * of an operation of 10 s to 10, of one of a minute to 30. Where enough like operations have been seen,
 * there is no poll before the time that the fastest of them took, and polls follow closely then if they all
 * took about as long: fewer calls, and less time lost.
 */
export function pollDelayMs(
  pace: PollPace,
  options: {
    readonly elapsedMs: number;
    readonly retryAfterMs: number | undefined;
    readonly recentDurationsMs?: readonly number[];
  },
): number {
  const { elapsedMs, retryAfterMs = 0, recentDurationsMs: recent = [] } = options;
  const delayMs = Math.min(pace.maxMs, Math.max(pace.minMs, elapsedMs * SHARE_OF_ELAPSED, retryAfterMs));
  if (recent.length < RECENT_DURATIONS_MIN) return delayMs;
  const fastestMs = Math.min(...recent);
  if (elapsedMs < fastestMs) return fastestMs - elapsedMs;
  const spreadMs = Math.max(...recent) - fastestMs;
  return Math.min(
    delayMs,
    Math.max(
      pace.minMs * CLOSEST_SHARE,
      spreadMs * CLOSE_SHARE,
      (elapsedMs - fastestMs) * OVERDUE_SHARE,
      retryAfterMs,
    ),
  );
}
