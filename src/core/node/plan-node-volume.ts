import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { Writer, WriterRecord } from "../api/az-volume.ts";
import { isSameNode, type NodeIdentity } from "../api/identity/node-identity.ts";
import { earlierVmOf, isPrimaryOrRequested } from "../attachment/attachment-state.ts";
import { isTerminating } from "../attachment/observed-volume.ts";
import { isNamed, nodesIn } from "../writer/record/record-nodes.ts";
import { isInQuarantine } from "../writer/record/writer-steps.ts";

/** One volume as the node itself sees it. */
export interface ObservedNodeVolume {
  readonly node: NodeIdentity;
  /** Undefined: the AzVolume is gone, or has no record. */
  readonly record: WriterRecord | undefined;
  /** The volume takes several writers at once and has no record. */
  readonly isMultiWriter: boolean;
  readonly attachment: AzVolumeAttachment | undefined;
  /** Whether the node states its requests itself: no client publishes to it. */
  readonly statesRequests: boolean;
  /** The node's checkpoint; undefined if it never mounted the volume, or has cleaned up. */
  readonly checkpoint:
    | {
        readonly epoch: number;
        readonly accessType: "block" | "mount";
        /** It was written before the machine was last started. */
        readonly isOfEarlierBoot?: boolean;
      }
    | undefined;
  /**
   * The disk refuses this node's writes: another node has taken the reservation under which it mounted the
   * volume. Looked at only while the node is unverified.
   */
  readonly isPreempted: boolean;
  /** Its checkpoint has not the key of the present grant: the disk may be reserved under that of another. */
  readonly hasEarlierReservation: boolean;
  /** The staging mount; for raw block, whether a target holds the device. */
  readonly mount: "none" | "live" | "dead";
  /** Targets that are still bound, sorted. */
  readonly targets: readonly string[];
  /**
   * Checkpointed targets since the machine was last started that are directories without any mount,
   * placeholders included. Sorted.
   */
  readonly bareTargets: readonly string[];
}

/** The node's next action for one volume, without any call. */
export type NodeVolumeAction =
  | { readonly kind: "Reclaim"; readonly epochKnown: number }
  /** A reclaim was recorded, and the plug-in died before it wrote its checkpoint. */
  | { readonly kind: "Checkpoint"; readonly epoch: number }
  /** Reserves the disk under the key of the present grant, if it has that of one whose record was lost. */
  | { readonly kind: "Reserve" }
  /** The object with this node's request was lost, and a workload uses the volume here. */
  | { readonly kind: "RequestWriter" }
  /** A volume that several nodes may write is marked as staged, and nothing of it is here. */
  | { readonly kind: "TakeBackStaged" }
  /** Another node has reclaimed the volume while a pod uses it here: an event says so, and no mount ends. */
  | { readonly kind: "ReportDispute"; readonly reclaimedBy: string }
  /** Answers a recall while workloads still have the volume. */
  | { readonly kind: "AnswerRecall"; readonly recallId: string }
  /** Unmounts what is left, reports the progress to a recall, and releases the volume. */
  | {
      readonly kind: "Release";
      readonly recallId: string | undefined;
      readonly placeholders: readonly string[];
    }
  /**
   * Removes mounts that the record does not allow, including targets, since no client may come to remove
   * them. Then proves the node clean, and drops the checkpoint, last of all and only once the node is clean:
   * until then it identifies the device to check.
   *
   * `placeholders`: targets that get a read-only placeholder until they are unpublished. Otherwise a
   * restarted container would get the directory below, and write beside its disk. `from`: what the record
   * says of this node; undefined: nothing that ends by a proof of the node.
   */
  | {
      readonly kind: "CleanUp";
      readonly placeholders: readonly string[];
      readonly from: "unverified" | "quarantined" | undefined;
    };

/** Plans a node's own actions for a volume. Empty when record and mounts agree. */
export function planNodeVolume(observed: ObservedNodeVolume): readonly NodeVolumeAction[] {
  const { node, record } = observed;
  if (observed.isMultiWriter) return planShared(observed);
  const hasLeftovers =
    observed.mount !== "none" || observed.targets.length > 0 || observed.checkpoint !== undefined;
  // The object is gone: only a live mount in use stays, until its record is rebuilt.
  const isUsed = observed.mount === "live" || observed.targets.length > 0;
  if (record === undefined) return hasLeftovers && !isUsed ? [cleanUp(observed, undefined)] : [];
  if (isNamed(record, node, "unverified")) return planUnverified(observed, record);
  if (isNamed(record, node, "writer")) return planAsWriter(observed, record);
  if (isLeftToItsPod(observed, record)) return [];
  const from = leavesQuarantine(observed, record) ? "quarantined" : undefined;
  return hasLeftovers || from !== undefined ? [cleanUp(observed, from)] : [];
}

/**
 * A volume that several nodes write has no record: controllers keep a disk as long as its node marks it as
 * staged. With nothing mounted, what is left of an earlier boot is no use of it, nor what is not requested
 * here any more: a client that is about to publish it stages it again.
 */
function planShared(observed: ObservedNodeVolume): readonly NodeVolumeAction[] {
  const { checkpoint, mount, targets } = observed;
  if (hasLostRequest(observed)) return [{ kind: "RequestWriter" }];
  const isMounted = mount !== "none" || targets.length > 0;
  const isLeftOver = !isMounted && (checkpoint?.isOfEarlierBoot === true || isUnrequested(observed));
  if (isMounted || (checkpoint !== undefined && !isLeftOver)) return [];
  return [
    ...(checkpoint === undefined ? [] : [cleanUp(observed, undefined)]),
    ...(isMarkedHere(observed) ? ([{ kind: "TakeBackStaged" }] as const) : []),
  ];
}

/** Marked as staged, and not on another machine that runs, or ran, under the same name. */
function isMarkedHere({ attachment, node }: ObservedNodeVolume): boolean {
  return attachment?.spec.staged === true && earlierVmOf(attachment, node) === undefined;
}

/**
 * Whether a pod still has a volume here that several nodes may write and that is not requested here any more:
 * it is to be unstaged once the pod has ended.
 */
export function isLeftToPods(observed: ObservedNodeVolume): boolean {
  return observed.isMultiWriter && isUnrequested(observed) && observed.targets.length > 0;
}

function isUnrequested({ attachment }: ObservedNodeVolume): boolean {
  return attachment !== undefined && !isPrimaryOrRequested(attachment);
}

/**
 * A mount of a pod is reclaimed, also where it is dead: removed under the pod, a restarted container would
 * write beside its disk, unless another node has the disk reserved. A live mount under a pod is never
 * removed, also where another node has reclaimed the volume: only people can decide between the two.
 */
function planUnverified(observed: ObservedNodeVolume, record: WriterRecord): readonly NodeVolumeAction[] {
  const isPublished = observed.mount !== "none" && observed.targets.length > 0 && !observed.isPreempted;
  if (isPublished && record.writer === undefined) {
    return mayReclaimNow(observed, record)
      ? [{ kind: "Reclaim", epochKnown: observed.checkpoint?.epoch ?? 0 }]
      : [];
  }
  if (isPublished && observed.mount === "live")
    return [{ kind: "ReportDispute", reclaimedBy: record.writer?.nodeName ?? "" }];
  return [cleanUp(observed, "unverified")];
}

/**
 * A node that is being fenced, or may be, can't reclaim, and a request stated for that would only be
 * withdrawn again. A dead mount leaves the volume to a node that may still write it.
 */
function mayReclaimNow({ node, mount }: ObservedNodeVolume, record: WriterRecord): boolean {
  if (isNamed(record, node, "fencing", "barrierPending", "unconfirmed")) return false;
  return mount === "live" || nodesIn(record, "confirmed").every((other) => isSameNode(other, node));
}

function cleanUp(
  observed: ObservedNodeVolume,
  from: "unverified" | "quarantined" | undefined,
): NodeVolumeAction {
  return { kind: "CleanUp", placeholders: placeholdersFor(observed), from };
}

/**
 * Every target without an unpublish: a pod may still use it. Also one without a mount: the process that
 * removed it may have stopped before it left a placeholder. A raw device's target is a file, and needs
 * none: without a device there the container runtime starts nothing.
 */
function placeholdersFor({ checkpoint, targets, bareTargets }: ObservedNodeVolume): readonly string[] {
  return checkpoint?.accessType === "mount" ? [...targets, ...bareTargets].toSorted() : [];
}

function planAsWriter(observed: ObservedNodeVolume, record: WriterRecord): readonly NodeVolumeAction[] {
  const writer = record.writer;
  if (writer === undefined || !writer.held) return [];
  if (writer.requested) {
    return [
      ...(hasLostRequest(observed) ? ([{ kind: "RequestWriter" }] as const) : []),
      ...(observed.mount === "live" ? planReclaimed(observed, writer) : []),
    ];
  }
  const recallId = observed.attachment?.spec.recall?.id;
  if (observed.targets.length === 0 || observed.mount === "dead")
    return [{ kind: "Release", recallId, placeholders: placeholdersFor(observed) }];
  return recallId === undefined ? [] : [{ kind: "AnswerRecall", recallId }];
}

/**
 * A pod's mount of a disk that is not on this node, by a rebuilt record. Only the node itself waits to be
 * clean here, and the client that published the volume will unpublish it. Until then even a dead mount
 * keeps a restarted container from writing into the directory underneath.
 */
function isLeftToItsPod({ node, mount, targets }: ObservedNodeVolume, record: WriterRecord): boolean {
  return (
    mount !== "none" &&
    targets.length > 0 &&
    isInQuarantine(record, node) &&
    !isNamed(record, node, "quarantined")
  );
}

/** What a reclaim leaves to do. */
function planReclaimed(
  { checkpoint, hasEarlierReservation }: ObservedNodeVolume,
  { epoch }: Writer,
): readonly NodeVolumeAction[] {
  if (checkpoint === undefined) return [];
  if (checkpoint.epoch < epoch) return [{ kind: "Checkpoint", epoch }];
  return hasEarlierReservation ? [{ kind: "Reserve" }] : [];
}

/**
 * No client calls for a volume in use, and a withdrawn request may leave a Primary or a writer.
 */
function hasLostRequest({ statesRequests, attachment, mount, targets }: ObservedNodeVolume): boolean {
  if (!statesRequests || mount !== "live" || targets.length === 0) return false;
  if (attachment === undefined) return true;
  return !isTerminating(attachment) && !isPrimaryOrRequested(attachment);
}

/**
 * A quarantine that only an adopted record implies is left when the disk is requested here, not before:
 * thousands of nodes need not report clean.
 */
function leavesQuarantine({ node, attachment }: ObservedNodeVolume, record: WriterRecord): boolean {
  if (!isInQuarantine(record, node)) return false;
  return isNamed(record, node, "quarantined") || attachment !== undefined;
}
