/** How often a long-running operation is asked how far it is. */
export interface PollPace {
  /** Shortest delay between two polls, in milliseconds. */
  readonly minMs: number;
  /** Longest delay, in milliseconds; also the most that a `Retry-After` of the service can ask for. */
  readonly maxMs: number;
}

/** The share of the time spent so far that the next delay adds: a tenth of a long wait is not noticed, and calls are counted. */
const SHARE_OF_ELAPSED = 0.1;

/** The delay before the next poll: grows with the time that the operation has taken so far. Bounds the polls of an operation of 10 s to 10, of one of a minute to 30. */
export function pollDelayMs(pace: PollPace, options: { readonly elapsedMs: number; readonly retryAfterMs: number | undefined }): number {
  return Math.min(pace.maxMs, Math.max(pace.minMs, options.elapsedMs * SHARE_OF_ELAPSED, options.retryAfterMs ?? 0));
}
