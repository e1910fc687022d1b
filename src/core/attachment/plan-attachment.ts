import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { AzVolume, WriterRecord } from "../api/az-volume.ts";
import { identityOf, isSameVmId, type NodeIdentity } from "../api/identity/node-identity.ts";
import type { EventReason } from "../events/event-reasons.ts";
import { isSingleWriter } from "../volume/access-modes.ts";
import { isNamed, nodesIn } from "../writer/record/record-nodes.ts";
import { mayAttach, mayDetach } from "../writer/record/writer-steps.ts";
import {
  earlierVmOf,
  isAttached,
  isDetachBegun,
  isDetaching,
  isOnVm,
  isRequestedPrimary,
  isUnused,
  keepsDiskOn,
  recordedVm,
} from "./attachment-state.ts";
import { mayBeStaged } from "./is-replica.ts";
import {
  isDeleting,
  isGivenUp,
  isOutOfService,
  isProvisioned,
  isRecordMissing,
  isResizingOffline,
  isTerminating,
  keepsReplicas,
  maxSharesOf,
  oncePerVm,
  type ObservedVolume,
  recordOf,
} from "./observed-volume.ts";

/** The next action for one attachment: at most one cloud operation. */
export type AttachmentAction =
  | { readonly kind: "Attach"; readonly node: NodeIdentity; readonly lane: "primaryAttach" | "replicaAttach" }
  | { readonly kind: "Detach"; readonly node: NodeIdentity; readonly lane: "detach" | "prune" }
  /**
   * The disk is on an earlier VM of the node's name, by this attachment alone. It is detached there
   * before it is attached to the current VM.
   */
  | { readonly kind: "DetachEarlier"; readonly node: NodeIdentity; readonly lane: "detach" | "prune" }
  /**
   * A detach was begun that the record no longer allows, or nothing asks for: its node finds the disk again,
   * once no such detach can reach the VM any more.
   */
  | { readonly kind: "TakeBackDetach"; readonly node: NodeIdentity }
  /**
   * A fence, or a proof without one, has shown that the VM has no entry for the disk. The object is deleted
   * without another call to Azure.
   */
  | { readonly kind: "RemoveProvenOff"; readonly node: NodeIdentity }
  /** The VM has the disk under another name of its node by now, by the attachment `keeper`: it stays. */
  | { readonly kind: "LeaveDisk"; readonly node: NodeIdentity; readonly keeper: string }
  /**
   * No attach was begun through this object, or the disk was proven detached since: nothing is detached.
   * A person may have attached the disk to its node.
   */
  | { readonly kind: "RemoveUnattached"; readonly node: NodeIdentity | undefined }
  | { readonly kind: "RecordRole"; readonly role: "Primary" | "Replica" }
  /** Deleted by hand, or by a backup, while its node still writes: it is recreated, without a detach. */
  | { readonly kind: "Recreate"; readonly node: NodeIdentity }
  /**
   * With a reason where a pod waits, so that an event reports it. `afterMs`: when it is planned again, in
   * milliseconds, where no change of an object shows that the wait is over.
   */
  | {
      readonly kind: "Wait";
      readonly because: string;
      readonly reason?: EventReason;
      readonly afterMs?: number;
    };

/** How often the node is looked at on which a detach waits, in milliseconds. Reads caches alone. */
const NODE_SEEN_AGAIN_MS = 1_000;

/** Plans one attachment. The change that `Wait` names triggers the next plan. Nothing waits for a replica. */
export function planAttachment(
  observed: ObservedVolume,
  attachment: AzVolumeAttachment,
): AttachmentAction | undefined {
  const action = planNext(observed, attachment);
  if (action?.kind !== "Wait" || attachment.spec.role !== "Replica") return action;
  const { reason: _, ...wait } = action;
  return wait;
}

function planNext(observed: ObservedVolume, attachment: AzVolumeAttachment): AttachmentAction | undefined {
  const node = nodeOf(observed, attachment);
  if (isTerminating(attachment)) return planTerminating(observed, attachment, node);
  const earlier = earlierVm(observed, attachment);
  if (earlier !== undefined) return planEarlier(observed, attachment, earlier);
  if (isAttachedTo(attachment, node)) return planRole(observed, attachment, node);
  return planAttach(observed, attachment, node);
}

/** Attached to this VM as far as is known: not to an earlier one of its name, and no device is missing. */
function isAttachedTo(attachment: AzVolumeAttachment, node: NodeIdentity | undefined): boolean {
  return isAttached(attachment) && (node === undefined || isSameVmId(attachment.status?.vmId, node.vmId));
}

function planTerminating(
  observed: ObservedVolume,
  attachment: AzVolumeAttachment,
  node: NodeIdentity | undefined,
): AttachmentAction {
  if (isRecordMissing(observed.volume))
    return { kind: "Wait", because: "the volume's record is being rebuilt" };
  // The VM to which the disk was attached, even if the node is gone or its name belongs to another VM.
  const attached = recordedVm(attachment);
  const record = recordOf(observed);
  // Before it is recreated: the new object would not show that a detach may be under way.
  if (attached !== undefined && isDetachBegun(attachment, attached) && isUnfencedWriter(record, attached))
    return { kind: "TakeBackDetach", node: attached };
  const kept = node ?? nodeWithoutRecord(observed, attachment);
  if (kept !== undefined && mustBeRecreated(observed, attachment, kept))
    return { kind: isDetachBegun(attachment, kept) ? "TakeBackDetach" : "Recreate", node: kept };
  if (holdsDisk(attachment) && mayBeStaged(observed, attachment))
    return planStaged(observed, attachment, kept);
  const vm = attached ?? node;
  if (vm === undefined) return { kind: "RemoveUnattached", node };
  if (isNamed(record, vm, "fencing")) return { kind: "Wait", because: `${vm.nodeName} is being fenced` };
  if (isProvenOff(record, attachment, vm)) return { kind: "RemoveProvenOff", node: vm };
  const left = planLeft(observed, attachment, vm);
  if (left !== undefined) return left;
  if (record !== undefined && !mayDetach(record, vm))
    return { kind: "Wait", because: whyNotDetached(record, vm) };
  // Its status names the VM before an attach is sent. Without it, the disk was not attached by the driver
  // and stays.
  if (attached === undefined) return { kind: "RemoveUnattached", node };
  return { kind: "Detach", node: vm, lane: laneOf(attachment) };
}

/** Where the VM keeps the disk by another name's attachment. Undefined: nothing else needs it there. */
function planLeft(
  observed: ObservedVolume,
  attachment: AzVolumeAttachment,
  vm: NodeIdentity,
): AttachmentAction | undefined {
  const keeper = observed.attachments.find((other) =>
    keepsDiskOn(other.attachment, vm, attachment.spec.volumeId),
  );
  if (keeper === undefined || isNamed(recordOf(observed), vm, "writer", "unverified")) return undefined;
  return isDetachBegun(attachment, vm)
    ? { kind: "TakeBackDetach", node: vm }
    : { kind: "LeaveDisk", node: vm, keeper: keeper.attachment.metadata.name };
}

function whyNotDetached(record: WriterRecord, { nodeName }: NodeIdentity): string {
  const [preempted] = nodesIn(record, "preempted");
  return preempted === undefined
    ? `${nodeName} may still write the volume`
    : `until ${preempted.nodeName} is proven to be off the disk, only a reservation keeps it from writing`;
}

/**
 * As an older backup shows it: what was being detached then is in use by now. Left deleting, it would keep
 * the node's next pod from the volume for as long as this one runs.
 */
function planStaged(
  observed: ObservedVolume,
  attachment: AzVolumeAttachment,
  node: NodeIdentity | undefined,
): AttachmentAction {
  if (node === undefined || isDeleting(observed.volume)) {
    const because = "its node has not unstaged the volume: if that node is dead, mark it out of service";
    return { kind: "Wait", because, afterMs: NODE_SEEN_AGAIN_MS };
  }
  return { kind: isDetachBegun(attachment, node) ? "TakeBackDetach" : "Recreate", node };
}

/** Whether its node is to keep the disk: its attachment is made again without a detach. */
function mustBeRecreated(
  observed: ObservedVolume,
  attachment: AzVolumeAttachment,
  node: NodeIdentity,
): boolean {
  if (!isStillRequested(observed.volume, attachment, node)) return false;
  const { nodeName } = node;
  if (recordOf(observed) !== undefined || observed.hasUser(nodeName)) return true;
  // A single writer has no record only where its disk is gone.
  if (isSingleWriter(observed.volume.spec.capabilities)) return false;
  // Without a record nothing shows that the node has unmounted the disk but its own request: what a deleted
  // pod leaves behind may still write. On a lost node, the attachment would be deleted again each time.
  return holdsDisk(attachment) && !isOutOfService(observed, nodeName);
}

/**
 * Whether the disk has been attached, and no detach from there has ended. One that was missed there keeps its
 * place while it is looked up in Azure, also in vain.
 */
export function holdsDisk(attachment: Pick<AzVolumeAttachment, "status">): boolean {
  const { state = "Pending", lun } = attachment.status ?? {};
  return state === "Attached" || isDetaching(attachment) || (state !== "Pending" && lun !== undefined);
}

/** Where several nodes write, only the attachment names a node that has lost its AzDriverNode. */
function nodeWithoutRecord(
  observed: ObservedVolume,
  attachment: AzVolumeAttachment,
): NodeIdentity | undefined {
  const { capabilities } = observed.volume.spec;
  if (isSingleWriter(capabilities) || observed.node(attachment.spec.nodeName) !== undefined) return undefined;
  return observed.orchestratorNode(attachment.spec.nodeName).isGone ? undefined : recordedVm(attachment);
}

function isUnfencedWriter(record: WriterRecord | undefined, node: NodeIdentity): boolean {
  return isNamed(record, node, "writer") && !isNamed(record, node, "fencing");
}

function laneOf({ spec }: AzVolumeAttachment): "detach" | "prune" {
  return spec.role === "Primary" ? "detach" : "prune";
}

/**
 * An attach to the current VM would overwrite the only information that the disk is on the earlier one.
 * The record is not enough, though it names that VM: a writer that has not acquired its grant is revoked
 * and leaves the record without a fence.
 */
function planEarlier(
  observed: ObservedVolume,
  attachment: AzVolumeAttachment,
  vm: NodeIdentity,
): AttachmentAction {
  const record = recordOf(observed);
  const where = `the disk is on ${vm.instanceUri}, which was ${vm.nodeName} before, and`;
  if (isNamed(record, vm, "fencing")) return { kind: "Wait", because: `${where} is being fenced` };
  const left = planLeft(observed, attachment, vm);
  if (left !== undefined) return left;
  if (record !== undefined && !mayDetach(record, vm))
    return { kind: "Wait", because: `${where} may still write the volume` };
  return { kind: "DetachEarlier", node: vm, lane: laneOf(attachment) };
}

/**
 * The VM that had the node's name when the disk was attached, where another VM has it now and this one
 * may be kept. Where several nodes write, no record says whether it writes: only an attachment does that was
 * never requested, nor marked as staged.
 */
function earlierVm(observed: ObservedVolume, attachment: AzVolumeAttachment): NodeIdentity | undefined {
  const node = observed.node(attachment.spec.nodeName);
  if (node === undefined || node.isGone) return undefined;
  const { capabilities } = observed.volume.spec;
  const isKnown = recordOf(observed) !== undefined || (!isSingleWriter(capabilities) && isUnused(attachment));
  if (!isKnown) return undefined;
  return earlierVmOf(attachment, node);
}

/**
 * Whether nothing is left to detach: the VM's entry of the disk was proven gone, and no attach has begun
 * since. The proof moved the VM's ETag, so no earlier update can land; quarantine prevents a later one.
 */
export function isProvenOff(
  record: WriterRecord | undefined,
  { status }: AzVolumeAttachment,
  node: NodeIdentity,
): boolean {
  if (status?.state !== "Pending") return false;
  return isSameVmId(status.provenOff, node.vmId) && isNamed(record, node, "quarantined");
}

/**
 * Whether a node is to keep writing, whatever happens to the object. An orderly detach withdraws the
 * request first, so only a deletion by hand affects a requested writer. Left deleting, the object would
 * block the node's next request.
 */
export function isStillRequested(
  volume: AzVolume,
  attachment: AzVolumeAttachment,
  node: NodeIdentity,
): boolean {
  if (isDeleting(volume) || isRecordMissing(volume)) return false;
  const record = volume.status?.record;
  // Several nodes may write: only the requests say which.
  if (record === undefined) return isRequestedPrimary(attachment);
  return isNamed(record, node, "requested") && !isNamed(record, node, "fencing");
}

/** An attachment that is not kept as a replica is deleted next, so its role is not recorded any more. */
function planRole(
  observed: ObservedVolume,
  attachment: AzVolumeAttachment,
  node: NodeIdentity | undefined,
): AttachmentAction | undefined {
  const role = roleOf(observed.volume, attachment, node);
  if (role === undefined || role === attachment.status?.role) return undefined;
  const isKept = attachment.spec.role === "Primary" || keepsReplicas(observed.volume);
  return role === "Primary" || isKept ? { kind: "RecordRole", role } : undefined;
}

/**
 * The Primary is the holder of the grant. Multi-writer volumes have no record, so the spec decides.
 * Undefined: it is unknown whether that node writes, since the record is being rebuilt or names the node as
 * unverified. A request alone makes no Primary then, and a node that may write is no Replica.
 */
export function roleOf(
  volume: AzVolume,
  { spec }: AzVolumeAttachment,
  node: NodeIdentity | undefined,
): "Primary" | "Replica" | undefined {
  const record = volume.status?.record;
  if (record === undefined) return isSingleWriter(volume.spec.capabilities) ? undefined : spec.role;
  if (node === undefined) return "Replica";
  if (isNamed(record, node, "writer")) return "Primary";
  return isNamed(record, node, "unverified") ? undefined : "Replica";
}

function planAttach(
  observed: ObservedVolume,
  attachment: AzVolumeAttachment,
  node: NodeIdentity | undefined,
): AttachmentAction {
  const { volume } = observed;
  const record = recordOf(observed);
  if (!isProvisioned(volume)) return { kind: "Wait", because: "the disk does not exist yet" };
  // An attach that finds the disk there, by the attachment of an earlier name of the node, changes nothing.
  const isThere = node !== undefined && observed.attachments.some((other) => isOnVm(other.attachment, node));
  if (isDeleting(volume) && !isThere) return { kind: "Wait", because: "the volume is being deleted" };
  if (isResizingOffline(volume) && !isThere)
    return { kind: "Wait", reason: "WaitingForExpansion", because: "the disk grows only while no VM has it" };
  if (node === undefined)
    return {
      kind: "Wait",
      reason: "WaitingForNodePlugin",
      because: `no node plug-in has registered as ${attachment.spec.nodeName}: there is no such AzDriverNode`,
    };
  if (record !== undefined && !mayAttach(record, node)) return waitForNode(record, node);
  if (isTakenBackFirst(attachment, node)) return { kind: "TakeBackDetach", node };
  if (isGivenUp(observed, attachment))
    return { kind: "Wait", because: "every try to attach this replica failed" };
  const holders = holdersOfShares(observed, attachment, node);
  const maxShares = maxSharesOf(volume);
  if (holders.length >= maxShares)
    return {
      kind: "Wait",
      reason: "WaitingForShare",
      because: `all ${maxShares} shares of the disk are taken, by ${holders.join(", ")}`,
    };
  return {
    kind: "Attach",
    node,
    lane: attachment.spec.role === "Primary" ? "primaryAttach" : "replicaAttach",
  };
}

/**
 * Whether an attach would find the disk where a detach that the driver has begun is about to take it away. A
 * detach that others began has no attempt: Azure carries it out with any update of the VM.
 */
export function isTakenBackFirst(attachment: AzVolumeAttachment, node: Pick<NodeIdentity, "vmId">): boolean {
  return isDetachBegun(attachment, node) && attachment.status?.attempt !== undefined;
}

/**
 * A disk that is not new was perhaps never on this node, which has to report clean all the same. The
 * message mentions no fence then.
 */
function waitForNode(record: WriterRecord, node: NodeIdentity): AttachmentAction {
  const { nodeName } = node;
  return isNamed(record, node, "fencing", "quarantined")
    ? {
        kind: "Wait",
        reason: "WaitingForQuarantine",
        because: `${nodeName} is being fenced from the volume, or was and is not clean yet`,
      }
    : {
        kind: "Wait",
        reason: "WaitingForProof",
        because: `the disk is not new, and ${nodeName} has not shown yet that nothing of it is in use there`,
      };
}

/** Other VMs that hold a share in Azure, or may hold one, by their nodes' names. */
function holdersOfShares(
  observed: ObservedVolume,
  own: AzVolumeAttachment,
  { vmId }: NodeIdentity,
): readonly string[] {
  const holders = observed.attachments
    .map(({ attachment }) => attachment)
    .filter(
      (attachment) =>
        attachment.metadata.name !== own.metadata.name &&
        holdsShare(observed, attachment) &&
        // Left by the earlier name of this very VM: its share is the one that the attach finds.
        !isSameVmId(recordedVm(attachment)?.vmId, vmId),
    );
  return oncePerVm(observed, holders).map(({ spec }) => spec.nodeName);
}

/**
 * Whether the node of an attachment holds a share of the disk in Azure, or may. Plans of the volume's
 * other attachments use nothing else of it.
 */
export function holdsShare(
  observed: Pick<ObservedVolume, "settings">,
  attachment: AzVolumeAttachment,
): boolean {
  const { state = "Pending" } = attachment.status ?? {};
  return state !== "Pending" && (isTerminating(attachment) || !isGivenUp(observed, attachment));
}

/** The node of an attachment as it is now, or as the record names it. */
function nodeOf(observed: ObservedVolume, attachment: AzVolumeAttachment): NodeIdentity | undefined {
  const node = observed.node(attachment.spec.nodeName);
  // Without a Node, only the node's own report says which VM it is.
  if (node !== undefined && !node.isGone) return identityOf(node);
  return nodesIn(recordOf(observed), "writer", "fencing", "unverified", "quarantined").find(
    (other) => other.nodeName === attachment.spec.nodeName,
  );
}
