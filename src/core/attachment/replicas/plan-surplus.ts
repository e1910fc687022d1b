import type { AzVolumeAttachment } from "../../api/az-volume-attachment.ts";
import { couldTakeOver, isWriterWell } from "../../writer/node-health.ts";
import { isAttached } from "../attachment-state.ts";
import { isReplica, mayBeStaged } from "../is-replica.ts";
import {
  isRecordMissing,
  maxSharesOf,
  oncePerVm,
  type ObservedVolume,
  recordOf,
  stayingAttachments,
  stayingPrimaries,
} from "../observed-volume.ts";
import { isPrimaryServed } from "./is-primary-served.ts";
import { nonReplicasOf, othersStay, standingGrant } from "./others-stay.ts";
import { missingReplicas } from "./plan-creations.ts";
import { type Deletion, type ReplicaAction, deletionOf } from "./replica-action.ts";

/** The least time until the next plan where several writers have too many replicas, in milliseconds. */
const SETTLED_AGAIN_MS = 10_000;

/**
 * Deletes replicas beyond the requested count, and those whose share a primary needs: least useful first,
 * then those beside fewer of the pods' other volumes, since a pod moves with all of its volumes, then by the
 * node's name, which is the same for each of them. A plan on a cache that misses this deletion could choose
 * a second replica. A revoked grant that the cache misses can also turn its node's attachment into the least
 * useful replica, and the replica that is deleted into the one that the next pod needs.
 */
export function planSurplus(
  observed: ObservedVolume,
  replicas: readonly AzVolumeAttachment[],
): readonly Deletion[] {
  const { maxMountReplicaCount } = observed.volume.spec;
  // Replicas that are being deleted, also by this plan, are not counted. Their shares become free
  // already, and another deletion would free one too many.
  const staged = stayingAttachments(observed).filter(
    (attachment) => isReplica(recordOf(observed), attachment) && mayBeStaged(observed, attachment),
  );
  // A replica on a VM that has the disk by another name of its node takes no share of its own.
  const all = oncePerVm(observed, [...replicas, ...nonReplicasOf(observed), ...staged]);
  const sharesOfOthers = all.length - oncePerVm(observed, replicas).length;
  const room = maxSharesOf(observed.volume) - sharesOfOthers;
  // The writer before last is the best replica: surplus replicas are deleted only after the new primary
  // is served.
  const isServing = isPrimaryServed(observed) && isSettled(observed, replicas);
  const allowed = isServing ? Math.min(maxMountReplicaCount, room) : room;
  const count = Math.max(0, replicas.length - allowed);
  if (count === 0) return [];
  const companionCounts = observed.companionCounts();
  const companions = ({ spec }: AzVolumeAttachment): number => companionCounts.get(spec.nodeName) ?? 0;
  const ranked = replicas.toSorted(
    (left, right) =>
      Number(couldTakeOver(observed, left)) - Number(couldTakeOver(observed, right)) ||
      Number(isAttached(left)) - Number(isAttached(right)) ||
      companions(left) - companions(right) ||
      left.spec.nodeName.localeCompare(right.spec.nodeName),
  );
  // A primary that needs a share may be waiting for its grant.
  const sharesShort = replicas.length - room;
  const because = "it is more than requested, or a primary needs its share";
  const others = [...ranked.slice(count), ...staged];
  return ranked
    .slice(0, count)
    .map((replica, index) =>
      deletionOf(replica, because, othersStay(observed, others, { isGrantNeeded: index >= sharesShort })),
    );
}

/**
 * Whether the next pod needs no more replicas than are asked for. The record has to name the node that uses
 * the volume: roles and requests that a backup restored may be those of a node that the pod has left, and
 * the next pod may need any replica. Several writers have no record. Where one of them has just left, its
 * next pod may come to any replica, too.
 */
function isSettled(observed: ObservedVolume, replicas: readonly AzVolumeAttachment[]): boolean {
  const record = recordOf(observed);
  if (record !== undefined) return standingGrant(record) !== undefined;
  return isWriterWell(observed) && settledInMs(observed, replicas) <= 0;
}

/** Plans again: no event shows that replicas have been too many for long, where several nodes write. */
export function planSettling(
  observed: ObservedVolume,
  replicas: readonly AzVolumeAttachment[],
): readonly ReplicaAction[] {
  if (recordOf(observed) !== undefined || isRecordMissing(observed.volume)) return [];
  if (stayingPrimaries(observed).length === 0 || missingReplicas(observed, replicas) >= 0) return [];
  return [{ kind: "Requeue", afterMs: Math.max(SETTLED_AGAIN_MS, settledInMs(observed, replicas)) }];
}

/** When the last of some replicas has not changed for as long as an unrequested volume keeps its own. */
function settledInMs(
  { attachments, settings }: ObservedVolume,
  replicas: readonly AzVolumeAttachment[],
): number {
  const unchangedMs = attachments
    .filter(({ attachment }) => replicas.includes(attachment))
    .map((replica) => replica.watchedUnchangedMs);
  return settings.pruneReplicasAfterMs - Math.min(...unchangedMs);
}
