/** How often a long-running operation is polled. */
export interface PollPace {
  /** Shortest delay between two polls, in milliseconds. */
  readonly minMs: number;
  /** Longest delay without a longer `Retry-After` of the service, in milliseconds. */
  readonly maxMs: number;
}

/** The next delay, as a share of the time spent: a tenth more of a long wait is not noticed. */
const SHARE_OF_ELAPSED = 0.1;

/** How many durations of like operations are remembered, and how many are enough for a prediction. */
export const RECENT_DURATIONS_MAX = 16;
const RECENT_DURATIONS_MIN = 8;
/** As a share of the spread of durations: how closely polls follow around the expected end. */
const CLOSE_SHARE = 0.125;
/**
 * As a share of the usual delay: the shortest distance of polls. A poll a moment too early must not cost
 * more than all the rest of the call.
 */
const CLOSEST_SHARE = 0.025;
/** As a share of the time since the expected end: polls become rare again for a slow operation. */
const OVERDUE_SHARE = 0.5;

/** The longest `Retry-After` of a running operation that is honoured, in milliseconds. */
export const RETRY_AFTER_MAX_MS = 60_000;

/**
 * The delay before the next poll, which grows with the time spent. Bounds the polls of an operation of 10
 * s to 10, of one minute to 30. With enough like operations seen, no poll comes before the fastest of
 * them ended; if all took about as long, polls follow closely then. That saves calls and time.
 */
export function pollDelayMs(
  pace: PollPace,
  options: {
    readonly elapsedMs: number;
    readonly retryAfterMs: number | undefined;
    readonly recentDurationsMs?: readonly number[];
  },
): number {
  const { elapsedMs, recentDurationsMs: recent = [] } = options;
  const retryAfterMs = Math.min(RETRY_AFTER_MAX_MS, options.retryAfterMs ?? 0);
  const delayMs = Math.max(
    retryAfterMs,
    Math.min(pace.maxMs, Math.max(pace.minMs, elapsedMs * SHARE_OF_ELAPSED)),
  );
  if (recent.length < RECENT_DURATIONS_MIN) return delayMs;
  const fastestMs = Math.min(...recent);
  if (elapsedMs < fastestMs) return Math.max(retryAfterMs, fastestMs - elapsedMs);
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
