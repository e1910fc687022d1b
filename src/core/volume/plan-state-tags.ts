import type { AzVolume } from "../api/az-volume.ts";
import { isDeletedByHand, isDeleting } from "../attachment/observed-volume.ts";
import type { Failure } from "../failure/failure.ts";
import { isRetryable } from "../failure/is-retryable.ts";
import { areStateTagsDue, stateTagsOf } from "./state-tags.ts";

/**
 * How long a volume must have been at rest before its disk's tags are written, in milliseconds. A
 * quarantine that ends sooner costs no call.
 */
export const STATE_TAGS_AFTER_MS = 10_000;

/**
 * The longest time that the tags may lack what they are to keep, in milliseconds, whatever else moves. So
 * no disk costs more than one write a minute while it moves.
 */
export const STATE_TAGS_WITHIN_MS = 60_000;

/**
 * Before the next try of tags that Azure refuses, in milliseconds, up to a third shorter by chance: only a
 * person can remedy what is in the way, such as a missing permission, a lock, or 50 tags.
 */
const REFUSED_AGAIN_MS = 600_000;

/**
 * The share of that wait for each volume whose tags are refused, in milliseconds. So all of them together
 * cost no more than 30 writes of disks a minute, of the 333 that Azure allows (compute throttling limits,
 * 2024), however many they are.
 */
const REFUSED_EACH_MS = 3_000;

/** What to do next with the tags that keep a volume's state, for the case that its objects are lost. */
export type StateTagsAction =
  /** The disk's tags do not keep what they are to keep. */
  | { readonly kind: "KeepState"; readonly diskUri: string; readonly tags: Readonly<Record<string, string>> }
  | { readonly kind: "PlanAgain"; readonly afterMs: number };

/** A volume and the times that its tags go by. */
export interface ObservedStateTags {
  readonly volume: AzVolume;
  /** How long the volume has not changed, in milliseconds on the observer's own clock. */
  readonly unchangedMs: number;
  /**
   * How long the tags have lacked something, in milliseconds on the observer's own clock. Infinity: for
   * longer than it has watched. 0: since now, or nothing.
   */
  readonly untaggedMs: number;
  /** An attach or detach of the disk is under way. */
  readonly isMoving: boolean;
}

/**
 * Plans the state tags of a volume's disk. No attach or proof ever waits for a tag. Undefined when nothing
 * is to be done: a disk that is to be deleted keeps nothing.
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
  if (afterMs > 0) return { kind: "PlanAgain", afterMs };
  return { kind: "KeepState", diskUri: detail.diskUri, tags: stateTagsOf(volume.status) };
}

/** A write of state tags that has failed. */
export interface FailedStateTags {
  readonly failure: Failure;
  /** A person has deleted the AzVolume, which waits for the tags. */
  readonly isAwaited: boolean;
  /** How long ago the controller's own first try began, in milliseconds. */
  readonly triedMs: number;
  /** Volumes whose tags Azure refuses now, this one included where it does. */
  readonly refusedVolumes: number;
  /** In [0, 1): spreads the tries of volumes that are refused at once. */
  readonly chance: number;
}

/**
 * What follows from a failed write of state tags. `isTold`: to people. A controller that has just started
 * does not know for how long the tags have lacked something, and its first try may meet a trouble that is
 * over at once. `againAfterMs`: undefined where another try may succeed, after the usual back-off.
 */
export function planFailedStateTags({
  failure,
  isAwaited,
  triedMs,
  refusedVolumes,
  chance,
}: FailedStateTags): {
  readonly isTold: boolean;
  readonly againAfterMs: number | undefined;
} {
  if (isRetryable(failure))
    return { isTold: isAwaited || triedMs >= STATE_TAGS_WITHIN_MS, againAfterMs: undefined };
  const fullMs = Math.max(REFUSED_AGAIN_MS, refusedVolumes * REFUSED_EACH_MS);
  return { isTold: true, againAfterMs: Math.round(fullMs * (1 - chance / 3)) };
}
