import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { WriterRecord } from "../api/az-volume.ts";
import { includesNode, isSameNode, type NodeKey } from "../api/node-identity.ts";
import {
  isFencing,
  isInQuarantine,
  isBarrierPending,
  isUnconfirmed,
  isWriter,
} from "../writer/writer-steps.ts";

/** One volume as the node itself sees it. */
export interface ObservedNodeVolume {
  readonly node: NodeKey;
  /** Undefined: the AzVolume is gone, or has no record. */
  readonly record: WriterRecord | undefined;
  /** The volume takes several writers at once: there is no record to obey. */
  readonly isMultiWriter: boolean;
  /** The node's own attachment. */
  readonly attachment: AzVolumeAttachment | undefined;
  /** Whether the node states its wants itself: nobody publishes to it. */
  readonly statesRequests: boolean;
  /** What the node's notes say; undefined if it never mounted the volume, or has cleaned up. */
  readonly checkpoint: { readonly epoch: number; readonly accessType: "block" | "mount" } | undefined;
  /** The staging mount: for raw block, whether the device is held by a target. */
  readonly mount: "none" | "live" | "dead";
  /** Targets that are still bound, sorted. */
  readonly targets: readonly string[];
  /**
   * Targets that are noted since the machine was last started, and are directories with nothing mounted, no
   * placeholder either. Sorted.
   */
  readonly bareTargets: readonly string[];
}

/** What the node does next with one volume, by itself: nobody calls for it. */
export type NodeVolumeAction =
  | { readonly kind: "Reclaim"; readonly epochKnown: number }
  /** A claim was recorded, and the plug-in died before it had noted it. */
  | { readonly kind: "CheckpointEpoch"; readonly epoch: number }
  /** The object was lost that says that this node wants the volume, which a workload uses here. */
  | { readonly kind: "RequestWriter" }
  /**
   * Another node has claimed the volume while a pod uses it here: nothing is unmounted, and people are
   * told.
   */
  | { readonly kind: "ReportDispute"; readonly claimedBy: string }
  | { readonly kind: "ProveClean" }
  | { readonly kind: "LeaveQuarantine" }
  /** Answers a recall while workloads still have the volume. */
  | { readonly kind: "AnswerRecall"; readonly recallId: string }
  /** Unmounts what is left, tells a recall of the progress, and gives. */
  | {
      readonly kind: "UnmountAndRelease";
      readonly recallId: string | undefined;
      readonly placeholders: readonly string[];
    }
  /**
   * Mounts that the record does not allow: the targets too, since nobody else may be coming to remove them.
   * `placeholders`: targets at which something read-only is left in the place of what is removed, until
   * they are unpublished: a container that is started again would get the directory below, and write beside
   * its disk.
   */
  | { readonly kind: "CleanUp"; readonly placeholders: readonly string[] }
  /**
   * Drops the note, last of all and only once the node is clean: until then it is what tells where to look.
   */
  | { readonly kind: "Forget" };

/** Plans what a node does with a volume by its own. Empty when record and mounts agree. */
export function planNodeVolume(observed: ObservedNodeVolume): readonly NodeVolumeAction[] {
  const { node, record } = observed;
  if (observed.isMultiWriter) return [];
  const hasLeftovers =
    observed.mount !== "none" || observed.targets.length > 0 || observed.checkpoint !== undefined;
  if (record === undefined) return hasLeftovers ? planWithoutRecord(observed) : [];
  if (includesNode(record.unverified, node)) return planUnverified(observed, record);
  if (isWriter(record, node)) return planAsWriter(observed, record);
  if (isLeftToItsPod(observed, record)) return [];
  if (hasLeftovers) return [cleanUp(observed), ...planQuarantine(observed, record), { kind: "Forget" }];
  return planQuarantine(observed, record);
}

/**
 * The object is gone: a live mount in use stays until its record is made anew; everything else is cleaned
 * up.
 */
function planWithoutRecord(observed: ObservedNodeVolume): readonly NodeVolumeAction[] {
  return observed.mount === "live" || observed.targets.length > 0
    ? []
    : [cleanUp(observed), { kind: "Forget" }];
}

/**
 * What a pod has mounted is claimed, also where it is dead: taken away from under the pod it would let a
 * container that is started again write beside its disk. A live mount under a pod is never taken away, also
 * where another node has claimed the volume: which of the two is right only people can say.
 */
function planUnverified(observed: ObservedNodeVolume, record: WriterRecord): readonly NodeVolumeAction[] {
  const isPublished = observed.mount !== "none" && observed.targets.length > 0;
  if (isPublished && record.writer === undefined) {
    return mayReclaimNow(observed, record)
      ? [{ kind: "Reclaim", epochKnown: observed.checkpoint?.epoch ?? 0 }]
      : [];
  }
  if (isPublished && observed.mount === "live")
    return [{ kind: "ReportDispute", claimedBy: record.writer?.nodeName ?? "" }];
  return [cleanUp(observed), { kind: "ProveClean" }, { kind: "Forget" }];
}

/**
 * A node that is being cut off, or may be, can claim nothing, and a want that is stated for that would only
 * be ended again. A dead mount leaves the volume to a node that may still write it.
 */
function mayReclaimNow({ node, mount }: ObservedNodeVolume, record: WriterRecord): boolean {
  if (isFencing(record, node) || isBarrierPending(record, node) || isUnconfirmed(record, node)) return false;
  return (
    mount === "live" ||
    !record.unverified.some((other) => !isSameNode(other, node) && other.unconfirmed !== true)
  );
}

function cleanUp(observed: ObservedNodeVolume): NodeVolumeAction {
  return { kind: "CleanUp", placeholders: placeholdersFor(observed) };
}

/**
 * Every target that nobody has asked to remove: a pod may still stand there. Also one that is bare: whoever
 * removed what was there was stopped before it could leave a placeholder. A raw device's target is a file,
 * and needs none: without a device there the container runtime finds no device number to give, and starts
 * nothing.
 */
function placeholdersFor({ checkpoint, targets, bareTargets }: ObservedNodeVolume): readonly string[] {
  return checkpoint?.accessType === "mount" ? [...targets, ...bareTargets].toSorted() : [];
}

function planAsWriter(observed: ObservedNodeVolume, record: WriterRecord): readonly NodeVolumeAction[] {
  const writer = record.writer;
  if (writer === undefined || !writer.held) return [];
  if (writer.requested) {
    const isCheckpointed = observed.checkpoint === undefined || observed.checkpoint.epoch >= writer.epoch;
    return [
      ...(hasLostRequest(observed) ? ([{ kind: "RequestWriter" }] as const) : []),
      ...(isCheckpointed || observed.mount !== "live"
        ? []
        : ([{ kind: "CheckpointEpoch", epoch: writer.epoch }] as const)),
    ];
  }
  const recallId = observed.attachment?.spec.recall?.id;
  if (observed.targets.length === 0 || observed.mount === "dead")
    return [{ kind: "UnmountAndRelease", recallId, placeholders: placeholdersFor(observed) }];
  return recallId === undefined ? [] : [{ kind: "AnswerRecall", recallId }];
}

/**
 * What a pod has mounted of a disk that is not on this node, by a record that was made anew: nobody but the
 * node itself waits for it to be clean, and whoever has published it will unpublish it. Until then even a
 * dead mount keeps a container that is started again from writing beside its disk, into the directory
 * underneath.
 */
function isLeftToItsPod({ node, mount, targets }: ObservedNodeVolume, record: WriterRecord): boolean {
  return (
    mount !== "none" &&
    targets.length > 0 &&
    isInQuarantine(record, node) &&
    !includesNode(record.quarantine, node)
  );
}

/**
 * Nobody will call for a volume that is in use. A want that was ended has left a Primary behind, or a
 * record in which the writer is unwanted.
 */
function hasLostRequest({ statesRequests, attachment, mount, targets }: ObservedNodeVolume): boolean {
  if (!statesRequests || mount !== "live" || targets.length === 0) return false;
  if (attachment === undefined) return true;
  return (
    attachment.metadata.deletionTimestamp === undefined &&
    attachment.spec.role === "Replica" &&
    attachment.spec.writerRequest === undefined
  );
}

/**
 * A quarantine that only a found record implies is left when the disk is wanted here, not before: thousands
 * of nodes need not say clean.
 */
function planQuarantine(observed: ObservedNodeVolume, record: WriterRecord): readonly NodeVolumeAction[] {
  if (!isInQuarantine(record, observed.node)) return [];
  return includesNode(record.quarantine, observed.node) || observed.attachment !== undefined
    ? [{ kind: "LeaveQuarantine" }]
    : [];
}
