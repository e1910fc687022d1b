import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { AzVolume, WriterRecord } from "../api/az-volume.ts";
import { identityOf, includesNode, isSameNode, isSameVmId, type NodeIdentity } from "../api/node-identity.ts";
import { isSameResourceUri } from "../azure/disk-uri.ts";
import type { EventReason } from "../events/event-reasons.ts";
import { isCutOff, isFencing, isWriter, mayAttach, mayDetach } from "../writer/writer-steps.ts";
import { attachedVm } from "./attached-vm.ts";
import {
  isGone,
  isDeleting,
  isLeaving,
  isProvisioned,
  isRecordMissing,
  isResizingOffline,
  type ObservedVolume,
  recordOf,
} from "./observed-volume.ts";

/** What to do next with one attachment: at most one cloud operation. */
export type AttachmentAction =
  | { readonly kind: "Attach"; readonly node: NodeIdentity; readonly lane: "primaryAttach" | "replicaAttach" }
  | { readonly kind: "Detach"; readonly node: NodeIdentity; readonly lane: "detach" | "collection" }
  /**
   * The disk is on an earlier VM of the node's name, and only this attachment says so: it is taken off there
   * before it is attached to the VM that has the name now.
   */
  | { readonly kind: "DetachEarlier"; readonly node: NodeIdentity; readonly lane: "detach" | "collection" }
  /**
   * A fence has proven that the VM has no entry for the disk: the object goes without another call to
   * Azure.
   */
  | { readonly kind: "Release"; readonly node: NodeIdentity }
  /**
   * No attach was begun through this object, or the disk was proven off since: nothing is detached. A person
   * may have attached the disk to its node.
   */
  | { readonly kind: "ReleaseUnattached"; readonly node: NodeIdentity | undefined }
  | { readonly kind: "RecordRole"; readonly role: "Primary" | "Replica" }
  /** Deleted by hand while its node is to go on writing: nothing is detached, and the object is made anew. */
  | { readonly kind: "MakeAnew"; readonly node: NodeIdentity }
  /** With a reason where somebody waits for it, and is to be told. */
  | { readonly kind: "Wait"; readonly because: string; readonly reason?: EventReason };

/**
 * Plans one attachment. `Wait` names what must change first; the change itself brings the next plan. Nobody
 * waits for a replica.
 */
export function planAttachment(
  observed: ObservedVolume,
  attachment: AzVolumeAttachment,
): AttachmentAction | undefined {
  const action = planNext(observed, attachment);
  return action?.kind === "Wait" && attachment.spec.role === "Replica"
    ? { kind: "Wait", because: action.because }
    : action;
}

function planNext(observed: ObservedVolume, attachment: AzVolumeAttachment): AttachmentAction | undefined {
  const node = nodeOf(observed, attachment);
  if (isLeaving(attachment)) return planLeaving(observed, attachment, node);
  const earlier = earlierVm(observed, attachment);
  if (earlier !== undefined) return planEarlier(observed, attachment, earlier);
  if (isAttachedTo(attachment, node)) return planRole(observed, attachment, node);
  return planAttach(observed, attachment, node);
}

/**
 * Attached as far as anybody knows: to this very VM, not to an earlier one of the same name, and not missed
 * by the node.
 */
function isAttachedTo(attachment: AzVolumeAttachment, node: NodeIdentity | undefined): boolean {
  const status = attachment.status;
  if (status?.state !== "Attached" || status.deviceMissing === true) return false;
  return node === undefined || isSameVmId(status.vmId, node.vmId);
}

function planLeaving(
  observed: ObservedVolume,
  attachment: AzVolumeAttachment,
  node: NodeIdentity | undefined,
): AttachmentAction {
  if (isRecordMissing(observed.volume))
    return { kind: "Wait", because: "the volume's record is being made anew" };
  if (node !== undefined && isStillRequested(observed.volume, attachment, node))
    return { kind: "MakeAnew", node };
  // The VM to which the disk was attached, even if the node is gone or another VM has its name by now.
  const attached = attachedVm(attachment);
  const vm = attached ?? node;
  if (vm === undefined) return { kind: "ReleaseUnattached", node };
  const record = recordOf(observed);
  if (record !== undefined && isFencing(record, vm))
    return { kind: "Wait", because: `${vm.nodeName} is being fenced` };
  if (isProvenOff(record, attachment, vm)) return { kind: "Release", node: vm };
  if (record !== undefined && !mayDetach(record, vm))
    return { kind: "Wait", because: `${vm.nodeName} may still write the volume` };
  // Its status names the VM before an attach is sent. A disk that is there without it is not the driver's to
  // take off.
  if (attached === undefined) return { kind: "ReleaseUnattached", node };
  return { kind: "Detach", node: vm, lane: laneOf(attachment) };
}

function laneOf({ spec }: AzVolumeAttachment): "detach" | "collection" {
  return spec.role === "Primary" ? "detach" : "collection";
}

/**
 * An attach to the VM that has the name now would overwrite the only word that the disk is on the earlier
 * one. The record is no such word, though it names that VM: a writer that has not taken its grant is revoked,
 * and leaves it without a fence.
 */
function planEarlier(
  observed: ObservedVolume,
  attachment: AzVolumeAttachment,
  vm: NodeIdentity,
): AttachmentAction {
  const record = recordOf(observed);
  const where = `the disk is on ${vm.instanceUri}, which was ${vm.nodeName} before, and`;
  if (record !== undefined && isFencing(record, vm))
    return { kind: "Wait", because: `${where} is being fenced` };
  if (record !== undefined && !mayDetach(record, vm))
    return { kind: "Wait", because: `${where} may still write the volume` };
  return { kind: "DetachEarlier", node: vm, lane: laneOf(attachment) };
}

/**
 * The VM that had the node's name when the disk was attached, where another VM has it by now and this one may
 * be kept. None where several nodes may write: nothing says whether it does.
 */
function earlierVm(observed: ObservedVolume, attachment: AzVolumeAttachment): NodeIdentity | undefined {
  const vm = attachedVm(attachment);
  const node = observed.node(attachment.spec.nodeName);
  if (vm === undefined || node === undefined || node.isGone || recordOf(observed) === undefined)
    return undefined;
  // One resource id has one VM: an earlier one there is gone. One vmId is one VM, wherever it was moved.
  return isSameNode(vm, node) || isSameResourceUri(vm.instanceUri, node.instanceUri) ? undefined : vm;
}

/**
 * Whether nothing is left to detach: the entry of the disk on this VM was proven to be gone, and no attach
 * has begun since. The proof has moved the VM's ETag, so that no update from before it lands, and none
 * comes after it while the node is in quarantine.
 */
export function isProvenOff(
  record: WriterRecord | undefined,
  { status }: AzVolumeAttachment,
  node: NodeIdentity,
): boolean {
  if (record === undefined || status?.state !== "Pending") return false;
  return isSameVmId(status.provenOff, node.vmId) && includesNode(record.quarantine, node);
}

/**
 * Whether a node is to go on writing, whatever becomes of the object. Who lets go of an attachment in good
 * order has ended its want first: only somebody's hand deletes that of a node which is requested as the
 * writer, and it would be in the way of the next want, which keeps it, for as long as they follow one
 * another.
 */
export function isStillRequested(
  volume: AzVolume,
  attachment: AzVolumeAttachment,
  node: NodeIdentity,
): boolean {
  if (isDeleting(volume) || isRecordMissing(volume)) return false;
  const record = volume.status?.record;
  // Several nodes may write: there is nothing but the wants that says who does.
  if (record === undefined)
    return attachment.spec.role === "Primary" && attachment.spec.writerRequest !== undefined;
  return isWriter(record, node) && record.writer?.requested === true && !isFencing(record, node);
}

/** Primary is who holds the grant; where several nodes may write there is no record, and the spec decides. */
function planRole(
  observed: ObservedVolume,
  attachment: AzVolumeAttachment,
  node: NodeIdentity | undefined,
): AttachmentAction | undefined {
  const record = recordOf(observed);
  const role =
    record === undefined
      ? attachment.spec.role
      : node !== undefined && isWriter(record, node)
        ? "Primary"
        : "Replica";
  return role === attachment.status?.role ? undefined : { kind: "RecordRole", role };
}

function planAttach(
  observed: ObservedVolume,
  attachment: AzVolumeAttachment,
  node: NodeIdentity | undefined,
): AttachmentAction {
  const { volume } = observed;
  const record = recordOf(observed);
  if (!isProvisioned(volume)) return { kind: "Wait", because: "the disk does not exist yet" };
  if (isDeleting(volume)) return { kind: "Wait", because: "the volume is being deleted" };
  if (isResizingOffline(volume))
    return { kind: "Wait", reason: "WaitingForExpansion", because: "the disk grows only while no VM has it" };
  if (node === undefined)
    return {
      kind: "Wait",
      reason: "WaitingForNodePlugin",
      because: `no node plug-in has registered as ${attachment.spec.nodeName}: there is no such AzDriverNode`,
    };
  if (record !== undefined && !mayAttach(record, node)) return waitForNode(record, node);
  if (isGone(observed, attachment))
    return { kind: "Wait", because: "every try to attach this replica failed" };
  const holders = holdersOfShares(observed, attachment);
  if (holders.length >= volume.spec.maxShares)
    return {
      kind: "Wait",
      reason: "WaitingForShare",
      because: `all ${volume.spec.maxShares} shares of the disk are taken, by ${holders.join(", ")}`,
    };
  return {
    kind: "Attach",
    node,
    lane: attachment.spec.role === "Primary" ? "primaryAttach" : "replicaAttach",
  };
}

/**
 * A disk that is not new was perhaps never on this node, which has to say so all the same: that is no
 * reason to talk of fences.
 */
function waitForNode(record: WriterRecord, node: NodeIdentity): AttachmentAction {
  const { nodeName } = node;
  return isCutOff(record, node)
    ? {
        kind: "Wait",
        reason: "WaitingForQuarantine",
        because: `${nodeName} is being cut off from the volume, or was and is not clean yet`,
      }
    : {
        kind: "Wait",
        reason: "WaitingForProof",
        because: `the disk is not new, and ${nodeName} has not shown yet that nothing of it is in use there`,
      };
}

/** Other nodes that hold a share in Azure, or may. */
function holdersOfShares(observed: ObservedVolume, own: AzVolumeAttachment): readonly string[] {
  return observed.attachments.flatMap(({ attachment }) =>
    attachment.metadata.name !== own.metadata.name && holdsShare(observed, attachment)
      ? attachment.spec.nodeName
      : [],
  );
}

/**
 * Whether the node of an attachment holds a share of the disk in Azure, or may. All that the other
 * attachments of the volume are planned by.
 */
export function holdsShare(
  observed: Pick<ObservedVolume, "settings">,
  attachment: AzVolumeAttachment,
): boolean {
  const state = attachment.status?.state;
  if (isLeaving(attachment)) return state !== undefined && state !== "Pending";
  return (
    !isGone(observed, attachment) &&
    (state === "Attaching" || state === "Attached" || state === "AttachmentFailed")
  );
}

/** The node of an attachment as it is now, or as the record remembers it. */
function nodeOf(observed: ObservedVolume, attachment: AzVolumeAttachment): NodeIdentity | undefined {
  const node = observed.node(attachment.spec.nodeName);
  // Without a Node nothing but the node's own word says which VM it is.
  if (node !== undefined && !node.isGone) return identityOf(node);
  const record = recordOf(observed);
  const remembered = [
    record?.writer,
    record?.fencing,
    ...(record?.unverified ?? []),
    ...(record?.quarantine ?? []),
  ].find((other) => other?.nodeName === attachment.spec.nodeName);
  return remembered === undefined ? undefined : identityOf(remembered);
}
