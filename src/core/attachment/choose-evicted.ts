import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import { fromTimestamp } from "../primitives/timestamp.ts";
import { couldTakeOver, isWriterWell } from "../writer/node-health.ts";
import { isAttached } from "./attachment-state.ts";
import { isReplica, mayBeStaged } from "./is-replica.ts";
import {
  isDeletedByHand,
  isRecordMissing,
  isTerminating,
  type ObservedVolume,
  recordOf,
  stayingAttachments,
} from "./observed-volume.ts";
import { needsReplicas } from "./plan-unrequested-time.ts";

/** An attachment on the node without a free slot, and its volume. */
export interface SlotHolder {
  readonly attachment: AzVolumeAttachment;
  /** Undefined: there is no AzVolume now, so nothing is known about it. */
  readonly observed: ObservedVolume | undefined;
}

/**
 * How long a primary waits for a slot before it takes that of a replica whose own volume fails over, or
 * is waited for, in milliseconds. Without it, two such volumes could wait for each other for ever.
 */
export const LAST_RESORT_MS = 60_000;

/**
 * How long nothing has requested a volume before its replicas count as unrequested, in milliseconds. A
 * StatefulSet creates the next pod only once the last one is gone, and caches learn of it later still.
 */
const SUCCESSOR_MS = 10_000;

/** The cost of losing a replica, lowest first. */
type Cost = "writerIsWell" | "unrequested" | "needed";
const COSTS: readonly Cost[] = ["writerIsWell", "unrequested", "needed"];

/**
 * The replica that makes room for a primary: one whose disk is attached, so that a slot becomes free.
 * Volumes with a healthy writer come first, then volumes that have had no request for a while; of those, the
 * volume that keeps the most other replicas. `waitedMs`: how long the primary has asked for the slot.
 */
export function chooseEvicted(
  holders: readonly SlotHolder[],
  waitedMs: number,
): AzVolumeAttachment | undefined {
  const evictable = holders.filter(isEvictable).map((holder) => ({ ...holder, cost: costOf(holder) }));
  const cost = COSTS.find((known) => evictable.some((holder) => holder.cost === known));
  if (cost === undefined || (cost === "needed" && waitedMs < LAST_RESORT_MS)) return undefined;
  const [best] = evictable
    .filter((holder) => holder.cost === cost)
    .map(({ attachment, observed }) => ({ attachment, left: countLeft(attachment, observed) }))
    .toSorted((left, right) => right.left - left.left);
  return best?.attachment;
}

/** How many replicas that could take over a volume has besides that one. */
function countLeft({ metadata }: AzVolumeAttachment, observed: ObservedVolume | undefined): number {
  if (observed === undefined) return 0;
  return stayingAttachments(observed).filter(
    (other) =>
      other.metadata.name !== metadata.name &&
      isReplica(recordOf(observed), other) &&
      isAttached(other) &&
      couldTakeOver(observed, other),
  ).length;
}

/**
 * Only an attached one has a slot to free, and a node that may write keeps its disk until there is a proof.
 */
function isEvictable({ attachment, observed }: SlotHolder): boolean {
  if (observed === undefined || isTerminating(attachment) || attachment.status?.state !== "Attached")
    return false;
  return isReplica(recordOf(observed), attachment) && !mayBeStaged(observed, attachment);
}

function costOf({ observed }: SlotHolder): Cost {
  if (observed === undefined || isDeletedByHand(observed.volume)) return "needed";
  if (isWriterWell(observed)) return "writerIsWell";
  if (needsReplicas(observed) || isRecordMissing(observed.volume)) return "needed";
  const since = observed.volume.status?.unrequestedSince;
  const isLong = since !== undefined && observed.nowMs - fromTimestamp(since) >= SUCCESSOR_MS;
  return isLong ? "unrequested" : "needed";
}
