import type { AzVolume } from "../model/az-volume.ts";
import { areStateTagsDue, stateTagsOf } from "../model/state-tags.ts";
import { isDeletedByHand, isDeleting } from "./observed-volume.ts";

/**
 * How long a volume must have been at rest before its disk's tags are written, in milliseconds. A quarantine that
 * ends sooner costs no call.
 */
export const STATE_TAGS_AFTER_MS = 10_000;

/**
 * The longest time that the tags may lack what they are to keep, in milliseconds, whatever else moves. So no disk
 * costs more than one write a minute while it moves.
 */
export const STATE_TAGS_WITHIN_MS = 60_000;

/** What to do next with the tags that keep a volume's state, for the case that its objects are lost. */
export type StateTagsAction =
  /**
   * The disk's tags do not keep what they are to keep. `isOverdue`: by longer than they may, or a person has deleted
   * the AzVolume, which waits for them.
   */
  | { readonly kind: "KeepState"; readonly diskUri: string; readonly tags: Readonly<Record<string, string>>; readonly isOverdue: boolean }
  | { readonly kind: "PlanAgain"; readonly afterMs: number };

/** A volume and the times that its tags go by. */
export interface ObservedStateTags {
  readonly volume: AzVolume;
  /** How long the volume has not changed, in milliseconds on the observer's own clock. */
  readonly unchangedMs: number;
  /**
   * How long the tags have lacked something, in milliseconds on the observer's own clock. Infinity: for longer
   * than it has watched. 0: since now, or nothing.
   */
  readonly untaggedMs: number;
  /** An attach or detach of the disk is under way. */
  readonly isMoving: boolean;
}

/**
 * Plans the state tags of a volume's disk. No attach or proof ever waits for a tag. Undefined when nothing is to be
 * done: a disk that is to be deleted keeps nothing.
 */
export function planStateTags({ volume, unchangedMs, untaggedMs, isMoving }: ObservedStateTags): StateTagsAction | undefined {
  const detail = volume.status?.detail;
  if (detail === undefined || isDeleting(volume) || !areStateTagsDue(volume.status)) return undefined;
  const untilRestMs = isMoving ? STATE_TAGS_AFTER_MS : STATE_TAGS_AFTER_MS - unchangedMs;
  const untilOverdueMs = isDeletedByHand(volume) ? 0 : STATE_TAGS_WITHIN_MS - untaggedMs;
  const afterMs = Math.min(untilRestMs, untilOverdueMs);
  if (afterMs > 0) return { kind: "PlanAgain", afterMs };
  return { kind: "KeepState", diskUri: detail.diskUri, tags: stateTagsOf(volume.status), isOverdue: untilOverdueMs <= 0 };
}
