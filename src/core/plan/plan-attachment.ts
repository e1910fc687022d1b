import type { AzVolumeAttachment } from "../model/az-volume-attachment.ts";
import type { NodeIdentity } from "../model/node-identity.ts";
import { isDeleting, isLeaving, isProvisioned, isRecordMissing, isResizingOffline, nodeNamed, type ObservedVolume, recordOf } from "./observed-volume.ts";
import { isFencing, isWriter, mayAttach, mayDetach } from "./writer-steps.ts";

/** What to do next with one attachment: at most one cloud operation. */
export type AttachmentAction =
  | { readonly kind: "Attach"; readonly node: NodeIdentity; readonly lane: "primaryAttach" | "replicaAttach" }
  | { readonly kind: "Detach"; readonly node: NodeIdentity; readonly lane: "detach" | "collection" }
  /** The node has gone from the cluster; whether its VM still exists, and still has the disk, only the platform can tell. */
  | { readonly kind: "DetachByName" }
  | { readonly kind: "RecordRole"; readonly role: "Primary" | "Replica" }
  | { readonly kind: "Wait"; readonly because: string };

/** Plans one attachment. `Wait` names what must change first; the change itself brings the next plan. */
export function planAttachment(observed: ObservedVolume, attachment: AzVolumeAttachment): AttachmentAction | undefined {
  const node = identityOf(observed, attachment);
  if (isLeaving(attachment)) return planLeaving(observed, attachment, node);
  if (isAttachedTo(attachment, node)) return planRole(observed, attachment, node);
  return planAttach(observed, attachment, node);
}

/** Attached as far as anybody knows: to this very VM, not to an earlier one of the same name, and not missed by the node. */
function isAttachedTo(attachment: AzVolumeAttachment, node: NodeIdentity | undefined): boolean {
  const status = attachment.status;
  if (status?.state !== "Attached" || status.deviceMissing === true) return false;
  return node === undefined || status.vmId?.toLowerCase() === node.vmId.toLowerCase();
}

function planLeaving(observed: ObservedVolume, attachment: AzVolumeAttachment, node: NodeIdentity | undefined): AttachmentAction {
  if (isRecordMissing(observed.volume)) return { kind: "Wait", because: "the volume's record is being made anew" };
  if (node === undefined) return { kind: "DetachByName" };
  const record = recordOf(observed);
  if (record !== undefined && isFencing(record, node)) return { kind: "Wait", because: `${node.nodeName} is being fenced` };
  if (record !== undefined && !mayDetach(record, node)) return { kind: "Wait", because: `${node.nodeName} may still write the volume` };
  return { kind: "Detach", node, lane: attachment.spec.role === "Primary" ? "detach" : "collection" };
}

/** Primary is who holds the grant; where several nodes may write there is no record, and the spec decides. */
function planRole(observed: ObservedVolume, attachment: AzVolumeAttachment, node: NodeIdentity | undefined): AttachmentAction | undefined {
  const record = recordOf(observed);
  const role = record === undefined ? attachment.spec.role : node !== undefined && isWriter(record, node) ? "Primary" : "Replica";
  return role === attachment.status?.role ? undefined : { kind: "RecordRole", role };
}

function planAttach(observed: ObservedVolume, attachment: AzVolumeAttachment, node: NodeIdentity | undefined): AttachmentAction {
  const { volume, settings } = observed;
  const record = recordOf(observed);
  if (!isProvisioned(volume)) return { kind: "Wait", because: "the disk does not exist yet" };
  if (isDeleting(volume)) return { kind: "Wait", because: "the volume is being deleted" };
  if (isResizingOffline(volume)) return { kind: "Wait", because: "the disk grows only while no VM has it" };
  if (node === undefined) return { kind: "Wait", because: `there is no AzDriverNode ${attachment.spec.nodeName}` };
  if (record !== undefined && !mayAttach(record, node)) return { kind: "Wait", because: `${node.nodeName} is being fenced or in quarantine for the volume` };
  if (attachment.spec.role === "Replica" && (attachment.status?.error?.retries ?? 0) >= settings.replicaAttachTries)
    return { kind: "Wait", because: "every try to attach this replica failed" };
  if (sharesTakenByOthers(observed, attachment) >= volume.spec.maxShares)
    return { kind: "Wait", because: `all ${volume.spec.maxShares} shares of the disk are taken` };
  return { kind: "Attach", node, lane: attachment.spec.role === "Primary" ? "primaryAttach" : "replicaAttach" };
}

/** Attachments that hold a share in Azure, or may. */
function sharesTakenByOthers(observed: ObservedVolume, own: AzVolumeAttachment): number {
  return observed.attachments.filter(({ attachment }) => {
    if (attachment.metadata.name === own.metadata.name) return false;
    const state = attachment.status?.state;
    return isLeaving(attachment) ? state !== undefined && state !== "Pending" : state === "Attaching" || state === "Attached" || state === "AttachmentFailed";
  }).length;
}

/** The VM behind an attachment: the node as it is now, or as the record remembers it. */
function identityOf(observed: ObservedVolume, attachment: AzVolumeAttachment): NodeIdentity | undefined {
  const node = nodeNamed(observed, attachment.spec.nodeName);
  if (node !== undefined) return { nodeName: node.nodeName, vmId: node.vmId };
  const record = recordOf(observed);
  const remembered = [record?.writer, record?.fencing, ...(record?.unproven ?? []), ...(record?.quarantine ?? [])].find(
    (other) => other?.nodeName === attachment.spec.nodeName,
  );
  return remembered === undefined ? undefined : { nodeName: remembered.nodeName, vmId: remembered.vmId };
}
