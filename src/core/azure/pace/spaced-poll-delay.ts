import { RETRY_AFTER_MAX_MS } from "./poll-delay.ts";

/** How many durations of like operations are enough for a prediction where they are alike. */
const DURATIONS_MIN = 2;
/** How many are enough where they differ: the median of so many is usual, whatever one of them took. */
const DIFFERENT_DURATIONS_MIN = 4;
/**
 * In times of the shortest, the longest of fewer durations that are alike. Two that differ by this much
 * have the next operation polled after 1.25 times the shorter.
 */
const ALIKE_MAX = 2;

/**
 * The share of the like operations still running that would have ended by the next poll. The smaller, the
 * sooner an end is noticed, and the more polls it takes. At Azure's own spread either kind takes seven calls
 * with these (`npm run bench:attach -- pace`): an attach makes four besides its polls, a detach three. A
 * hundredth more would save 0.07 of the calls of an attach, and end it 0.05 s later.
 */
export const SHARE_ENDED = { attach: 0.36, detach: 0.31 } as const;
/** By how much, at least, operations are taken to differ: no two take exactly as long. */
const SCALE_MIN = 0.01;
/** So far apart are the logarithms of a log-logistic distribution's quartiles, in times of its scale. */
const QUARTILES_APART = 2 * Math.log(3);
/** As a share of the time spent: the shortest distance of two polls. */
const CLOSEST_SHARE = 0.03;
/** As a share of the time spent: the longest distance of two polls. */
const WIDEST_SHARE = 0.2;
/** Finite also where operations took no time: beyond it, the next poll rests on the time spent alone. */
const ODDS_MAX = 1e300;
/** In times of `wideMs`: the longest wait for the first poll. An operation may be faster than all before. */
const FIRST_POLL_WIDE_MAX = 5;

/** The distances of polls around the expected end of an operation, in milliseconds. */
export interface PollSpacing {
  /** The shortest. */
  readonly closeMs: number;
  /**
   * The longest, until a fifth of the time spent is longer. The first comes after five times this at most.
   */
  readonly wideMs: number;
}

/**
 * Whether durations of like operations predict the end of the next one. Two far apart, such as one of an
 * incident, don't show which of them is usual.
 */
export function isEndPredictable(recentDurationsMs: readonly number[]): boolean {
  if (recentDurationsMs.length < DURATIONS_MIN) return false;
  if (recentDurationsMs.length >= DIFFERENT_DURATIONS_MIN) return true;
  return Math.max(...recentDurationsMs) <= ALIKE_MAX * Math.max(1, Math.min(...recentDurationsMs));
}

/**
 * The delay before the next poll of an operation whose like have taken `recentDurationsMs`. Azure allows a VM
 * few polls a minute. Each comes when `shareEnded` of those still running would have ended, which makes
 * about as many polls however far their durations differ; the less they do, the closer the polls are. For
 * the log-normal durations of Azure, even the best polls with all durations known notice an end little
 * sooner. Quartiles, since a single slow operation must not make the polls of all others rarer. From the
 * slowest quarter on they become ever rarer, since Azure may have become slower.
 */
export function spacedPollDelayMs(
  spacing: PollSpacing,
  options: {
    readonly elapsedMs: number;
    readonly retryAfterMs: number | undefined;
    readonly recentDurationsMs: readonly number[];
    readonly shareEnded: number;
  },
): number {
  const { elapsedMs, shareEnded } = options;
  const retryAfterMs = Math.min(RETRY_AFTER_MAX_MS, options.retryAfterMs ?? 0);
  const [lowerMs, medianMs, upperMs] = quartilesOf(options.recentDurationsMs);
  const scale = Math.max(SCALE_MIN, Math.log(upperMs / lowerMs) / QUARTILES_APART);
  /** That a like operation would have ended by now. */
  const odds = Math.min(ODDS_MAX, (elapsedMs / medianMs) ** (1 / scale));
  const shareEndedMs = medianMs * ((odds + shareEnded) / (1 - shareEnded)) ** scale;
  const closestMs = Math.max(spacing.closeMs, elapsedMs * CLOSEST_SHARE);
  // Half of the shortest distance later: those that end right after it need no second poll.
  const dueMs = shareEndedMs + closestMs / 2 - elapsedMs;
  const widestMs = Math.max(
    spacing.wideMs,
    elapsedMs * WIDEST_SHARE,
    spacing.wideMs * FIRST_POLL_WIDE_MAX - elapsedMs,
  );
  return Math.max(retryAfterMs, Math.min(widestMs, Math.max(closestMs, dueMs, elapsedMs - upperMs)));
}

/** The quartiles of a non-empty list, at least 1 ms each, as they are expected of further durations. */
function quartilesOf(durationsMs: readonly number[]): readonly [number, number, number] {
  const sorted = durationsMs.toSorted((left, right) => left - right);
  const at = (share: number): number => {
    const place = Math.min(sorted.length - 1, Math.max(0, share * (sorted.length + 1) - 1));
    const [below = 0, above = 0] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
    return Math.max(1, below + (above - below) * (place % 1));
  };
  return [at(0.25), at(0.5), at(0.75)];
}

/** Groups updates of a VM by the number of their disks, each of which takes time: 1, 2 to 3, 4 to 7 … */
export function sizeClassOf(disks: number): number {
  return Math.floor(Math.log2(Math.max(1, disks)));
}
