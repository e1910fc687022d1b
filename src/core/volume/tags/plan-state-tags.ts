import type { AzVolume } from "../../api/az-volume.ts";
import { isDeletedByHand, isDeleting } from "../../attachment/observed-volume.ts";
import type { Failure } from "../../failure/failure.ts";
import { isRetryable } from "../../failure/is-retryable.ts";
import { areStateTagsDue, stateTagsOf } from "./state-tags.ts";

/**
 * How long a volume must have been unchanged before its disk's tags are written, in milliseconds. A
 * quarantine that ends sooner costs no call.
 */
export const STATE_TAGS_AFTER_MS = 10_000;

/**
 * The longest time that the tags may be outdated while the volume changes, in milliseconds. So no disk
 * costs more than one write a minute.
 */
export const STATE_TAGS_WITHIN_MS = 60_000;

/**
 * Before the next attempt at tags that Azure refuses, in milliseconds, up to a third shorter by chance.
 * Only a person can remove the cause, such as a missing permission, a lock, or 50 tags.
 */
const REFUSED_AGAIN_MS = 600_000;

/**
 * The share of that wait for each volume whose tags are refused, in milliseconds. So all of them together
 * cost at most 30 disk writes a minute, of the 333 that Azure allows (compute throttling limits, 2024).
 */
const REFUSED_EACH_MS = 3_000;

/** The next action for the tags that keep a volume's state in case its objects are lost. */
export type StateTagsAction =
  | { readonly kind: "KeepState"; readonly diskUri: string; readonly tags: Readonly<Record<string, string>> }
  | { readonly kind: "Requeue"; readonly afterMs: number };

export interface ObservedStateTags {
  readonly volume: AzVolume;
  /** How long the volume has not changed, in milliseconds on the observer's own clock. */
  readonly unchangedMs: number;
  /**
   * How long the tags have been outdated, in milliseconds on the observer's own clock. Infinity: since
   * before it watched. 0: since now, or not at all.
   */
  readonly untaggedMs: number;
  /** An attach or detach of the disk is under way. */
  readonly isMoving: boolean;
}

/**
 * Plans the state tags of a volume's disk. No attach or proof ever waits for a tag. Undefined when no
 * action is due; a disk that is to be deleted keeps nothing.
 */
export function planStateTags({
  volume,
  unchangedMs,
  untaggedMs,
  isMoving,
}: ObservedStateTags): StateTagsAction | undefined {
  const detail = volume.status?.detail;
  if (detail === undefined || isDeleting(volume) || !areStateTagsDue(volume.status)) return undefined;
  const untilRestMs = isMoving ? STATE_TAGS_AFTER_MS : STATE_TAGS_AFTER_MS - unchangedMs;
  const untilOverdueMs = isDeletedByHand(volume) ? 0 : STATE_TAGS_WITHIN_MS - untaggedMs;
  const afterMs = Math.min(untilRestMs, untilOverdueMs);
  if (afterMs > 0) return { kind: "Requeue", afterMs };
  return { kind: "KeepState", diskUri: detail.diskUri, tags: stateTagsOf(volume.status) };
}

export interface FailedStateTags {
  readonly failure: Failure;
  /** The AzVolume was deleted by hand and waits for the tags. */
  readonly isAwaited: boolean;
  /** How long ago this controller's first attempt began, in milliseconds. */
  readonly triedMs: number;
  /** Volumes whose tags Azure refuses now, including this one where it does. */
  readonly refusedVolumes: number;
  /** In [0, 1): spreads the attempts of volumes that are refused at once. */
  readonly chance: number;
}

/**
 * The reaction to a failed write of state tags. `isReported`: an event reports it. A controller that has just
 * started does not know how long the tags have been outdated, and its first failure may pass at once.
 * `requeueAfterMs`: undefined where the usual back-off applies.
 */
export function planFailedStateTags({
  failure,
  isAwaited,
  triedMs,
  refusedVolumes,
  chance,
}: FailedStateTags): {
  readonly isReported: boolean;
  readonly requeueAfterMs: number | undefined;
} {
  if (isRetryable(failure))
    return { isReported: isAwaited || triedMs >= STATE_TAGS_WITHIN_MS, requeueAfterMs: undefined };
  const fullMs = Math.max(REFUSED_AGAIN_MS, refusedVolumes * REFUSED_EACH_MS);
  return { isReported: true, requeueAfterMs: Math.round(fullMs * (1 - chance / 3)) };
}
