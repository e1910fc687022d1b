import type { AzVolumeAttachment } from "../../api/az-volume-attachment.ts";
import { fromTimestamp } from "../../primitives/timestamp.ts";
import { isOnVm } from "../attachment-state.ts";
import { isReplica, mayBeStaged, mayWrite } from "../is-replica.ts";
import {
  attachmentOn,
  isGivenUp,
  isResizingOffline,
  keepsReplicas,
  type ObservedVolume,
  recordOf,
  stayingAttachments,
  stayingPrimaries,
} from "../observed-volume.ts";
import { needsReplicas } from "../plan-unrequested-time.ts";
import { planCreations } from "./plan-creations.ts";
import { planDrained, planDraining } from "./plan-drained.ts";
import { planGone, planUnfit, planUnregistered } from "./plan-lost-nodes.ts";
import { planMisplaced } from "./plan-misplaced.ts";
import { planPruned, planPruning } from "./plan-pruning.ts";
import { planSettling, planSurplus } from "./plan-surplus.ts";
import { type Deletion, type ReplicaAction, deletionOf } from "./replica-action.ts";

/**
 * How long after its last attempt a replica whose every attempt failed is deleted, so that another can be
 * made, in milliseconds.
 */
const TRIED_AGAIN_AFTER_MS = 300_000;

/**
 * Plans the replicas of a volume: as many as requested while it has a primary, none that block a primary,
 * and none once it has been unrequested for a while. Replicas yield to a primary that needs a share.
 */
export function planReplicas(observed: ObservedVolume): readonly ReplicaAction[] {
  const deletions = planDeletions(observed);
  const gone = new Set(deletions.map((deletion) => deletion.attachmentName));
  const kept = stayingAttachments(observed).filter((attachment) => !gone.has(attachment.metadata.name));
  const replicas = kept.filter((attachment) => isReplica(recordOf(observed), attachment));
  return [
    ...deletions,
    ...planForRenamed(observed),
    ...planCreations(observed, kept),
    // When to plan again for a deletion that is not due yet.
    ...planPruning(observed, replicas),
    ...planUnregistered(observed, replicas),
    ...planDraining(observed, replicas),
    ...planSettling(observed, replicas),
  ];
}

/**
 * A writer whose VM has the disk by the attachment of an earlier name of its node: without one of its own the
 * node finds no device to check, releases nothing, and can't be recalled. The attach finds the disk there.
 */
function planForRenamed(observed: ObservedVolume): readonly ReplicaAction[] {
  const writer = recordOf(observed)?.writer;
  if (writer?.held !== true || attachmentOn(observed, writer.nodeName) !== undefined) return [];
  const isThere = observed.attachments.some(({ attachment }) => isOnVm(attachment, writer));
  return isThere ? [{ kind: "CreateReplica", nodeName: writer.nodeName }] : [];
}

/** Deletes the replicas that are of no use where they are, in the way, or too many. */
function planDeletions(observed: ObservedVolume): readonly Deletion[] {
  const replicas = stayingAttachments(observed).filter(
    (attachment) => isReplica(recordOf(observed), attachment) && !mayBeStaged(observed, attachment),
  );
  const remove = (attachments: readonly AzVolumeAttachment[], because: string): readonly Deletion[] =>
    attachments.map((attachment) => deletionOf(attachment, because));

  // Also a request that was stated while the mark was written: a volume that is being deleted is not
  // granted.
  if (observed.volume.spec.deleteRequested)
    return remove(
      stayingAttachments(observed).filter(({ spec }) => !mayWrite(recordOf(observed), spec.nodeName)),
      "the volume is being deleted",
    );
  // A request made since the growth began ends the growth, and the remaining replicas stay.
  if (isResizingOffline(observed.volume))
    return needsReplicas(observed) ? [] : remove(replicas, "the disk grows only while no VM has it");
  if (!keepsReplicas(observed.volume)) return remove(replicas, "no replicas are asked for");
  const unfit = replicas.flatMap((replica) => planUnfit(observed, replica));
  const unusable = [...unfit, ...planGone(observed, without(replicas, unfit))];
  const fit = without(replicas, unusable);
  if (stayingPrimaries(observed).length === 0) return [...unusable, ...planPruned(observed, fit)];
  // Failed replicas hold no share, and keep their nodes from being tried again at once: where the disk is
  // at fault, each would refuse it in turn.
  const drained = planDrained(observed, fit);
  const counted = without(fit, drained).filter((replica) => !isGivenUp(observed, replica));
  const surplus = planSurplus(observed, counted);
  return [
    ...unusable,
    ...drained,
    ...surplus,
    ...(surplus.length === 0 ? planMisplaced(observed, counted) : []),
    ...remove(
      without(fit, drained).filter((replica) => isDueForAnotherTry(observed, replica)),
      "every try failed a while ago, and another may not",
    ),
  ];
}

/**
 * Without another candidate node, it would count as a replica for ever, though the cause may be over,
 * such as a VM being replaced. Measured by its error's time or by the controller's clock: either one set
 * back must not postpone it.
 */
function isDueForAnotherTry(observed: ObservedVolume, replica: AzVolumeAttachment): boolean {
  const failedAt = replica.status?.error?.time;
  if (!isGivenUp(observed, replica) || failedAt === undefined) return false;
  const isLongAgo = (ms: number): boolean => ms >= TRIED_AGAIN_AFTER_MS;
  const { attachments, nowMs } = observed;
  return (
    isLongAgo(nowMs - fromTimestamp(failedAt)) ||
    attachments.some(({ attachment, unchangedMs }) => attachment === replica && isLongAgo(unchangedMs))
  );
}

/** `attachments` without those that `deletions` name. */
function without(
  attachments: readonly AzVolumeAttachment[],
  deletions: readonly Deletion[],
): readonly AzVolumeAttachment[] {
  const names = new Set(deletions.map(({ attachmentName }) => attachmentName));
  return attachments.filter(({ metadata }) => !names.has(metadata.name));
}
