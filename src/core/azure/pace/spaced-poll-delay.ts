import { RETRY_AFTER_MAX_MS } from "./poll-delay.ts";

/** How many durations of like operations are enough for a prediction. */
export const DURATIONS_MIN = 3;

/** The first poll waits until this share of like operations would have ended. */
const FIRST_POLL_SHARE = 0.35;
/** In times of `wideMs`: the longest wait for the first poll. An operation may be faster than all before. */
const FIRST_POLL_WIDE_MAX = 5;
/** As a share of the expected duration: how much later than expected the first poll is. */
const MARGIN_SHARE = 0.02;
/** As a share of the time spent: the longest distance of two polls. */
const SHARE_OF_ELAPSED = 0.2;
/** As a share of the spread of durations: how closely polls follow the expected end. */
const SPREAD_SHARE = 0.5;

/** The distances of polls around the expected end of an operation, in milliseconds. */
export interface PollSpacing {
  /** Where like operations take about as long as each other. */
  readonly closeMs: number;
  /** Where they differ. The first poll comes after five times this at the latest. */
  readonly wideMs: number;
}

/**
 * The delay before the next poll of an operation whose like have taken `recentDurationsMs`. Azure allows a
 * VM few polls a minute, so the first comes once a third of those would have ended, but soon enough for an
 * operation after an incident that slowed them all; further ones are rare until then. Where all took about
 * as long, polls then follow closely; where they differ, `wideMs` apart, and further for an operation that
 * takes long.
 */
export function spacedPollDelayMs(
  spacing: PollSpacing,
  options: {
    readonly elapsedMs: number;
    readonly retryAfterMs: number | undefined;
    readonly recentDurationsMs: readonly number[];
  },
): number {
  const { elapsedMs } = options;
  const retryAfterMs = Math.min(RETRY_AFTER_MAX_MS, options.retryAfterMs ?? 0);
  const durations = options.recentDurationsMs.toSorted((left, right) => left - right);
  const [fastestMs = 0, slowestMs = 0] = [durations.at(0), durations.at(-1)];
  const expectedMs = (durations[Math.floor(durations.length * FIRST_POLL_SHARE)] ?? 0) * (1 + MARGIN_SHARE);
  const firstPollMs = Math.min(expectedMs, spacing.wideMs * FIRST_POLL_WIDE_MAX);
  if (elapsedMs < firstPollMs) return Math.max(retryAfterMs, firstPollMs - elapsedMs);
  const wideMs = Math.max(spacing.wideMs, elapsedMs * SHARE_OF_ELAPSED);
  if (elapsedMs < expectedMs) return Math.max(retryAfterMs, Math.min(wideMs, expectedMs - elapsedMs));
  const spreadMs = slowestMs - fastestMs;
  const closeMs = Math.max(spacing.closeMs, spreadMs * SPREAD_SHARE, elapsedMs - expectedMs);
  return Math.max(retryAfterMs, Math.min(closeMs, wideMs));
}

/**
 * Groups updates of a VM by the number of disks that they change: 1, 2 to 3, 4 to 7, and so on. Each disk
 * adds to the duration.
 */
export function sizeClassOf(disks: number): number {
  return Math.floor(Math.log2(Math.max(1, disks)));
}
