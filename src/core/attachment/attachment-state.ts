import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import { isSameVm, isSameVmId, type NodeIdentity } from "../api/identity/node-identity.ts";
import { isSameResourceUri } from "../azure/ids/disk-uri.ts";

/**
 * The VM that the disk of an attachment was, or is being, attached to. Undefined: no attach was begun, or
 * the disk was proven detached.
 */
export function recordedVm({ spec: { nodeName }, status }: AzVolumeAttachment): NodeIdentity | undefined {
  if (status?.vmId === undefined || status.instanceUri === undefined) return undefined;
  return { nodeName, vmId: status.vmId, instanceUri: status.instanceUri };
}

/** Whether the disk is attached to that VM by this attachment, whatever the node of the VM is called. */
export function isOnVm(attachment: AzVolumeAttachment, node: NodeIdentity): boolean {
  const vm = recordedVm(attachment);
  return vm !== undefined && isAttached(attachment) && isSameVm(vm, node);
}

/**
 * The VM of an attachment where that is another machine than `node`, which may run on under the same name.
 * Undefined: it is that node, or none. One resource id has one VM: an earlier one there is gone. One vmId is
 * one VM, even after a move.
 */
export function earlierVmOf(
  attachment: AzVolumeAttachment,
  node: Pick<NodeIdentity, "vmId" | "instanceUri">,
): NodeIdentity | undefined {
  const vm = recordedVm(attachment);
  if (vm === undefined || isSameVmId(vm.vmId, node.vmId)) return undefined;
  return isSameResourceUri(vm.instanceUri, node.instanceUri) ? undefined : vm;
}

/**
 * Whether another attachment of the same disk is to keep it on that VM: the VM's kubelet has registered under
 * another name since.
 */
export function keepsDiskOn(other: AzVolumeAttachment, node: NodeIdentity, volumeId: string): boolean {
  if (other.spec.nodeName === node.nodeName || !isSameResourceUri(other.spec.volumeId, volumeId))
    return false;
  const vm = recordedVm(other);
  if (vm === undefined || other.metadata.deletionTimestamp !== undefined || isDetaching(other)) return false;
  return isSameVm(vm, node);
}

/** Whether the disk is attached as far as is known: its device is not reported as missing. */
export function isAttached({ status }: Pick<AzVolumeAttachment, "status">): boolean {
  return status?.state === "Attached" && status.deviceMissing !== true;
}

/**
 * At which LUN of that very VM the disk is attached as far as is known, whether or not its device is reported
 * as missing. A disk on its way there or away has no LUN to rely on.
 */
export function lunOn(
  { status }: Pick<AzVolumeAttachment, "status">,
  { vmId }: Pick<NodeIdentity, "vmId">,
): number | undefined {
  return status?.state === "Attached" && isSameVmId(status.vmId, vmId) ? status.lun : undefined;
}

/** Whether a detach was begun, from whichever VM. */
export function isDetaching({ status }: Pick<AzVolumeAttachment, "status">): boolean {
  return status?.state === "Detaching" || status?.state === "DetachmentFailed";
}

/**
 * Whether a detach from that VM was begun, and has not ended as far as is known: it may be about to be sent,
 * under way, late, or have been refused after it was marked.
 */
export function isDetachBegun(
  attachment: Pick<AzVolumeAttachment, "status">,
  { vmId }: Pick<NodeIdentity, "vmId">,
): boolean {
  return isDetaching(attachment) && isSameVmId(attachment.status?.vmId, vmId);
}

/**
 * Whether an attachment is a primary that its node still requests. A request that is withdrawn leaves a
 * primary, whose volume has been unstaged there: it stays attached until it is unpublished.
 */
export function isRequestedPrimary({ spec }: Pick<AzVolumeAttachment, "spec">): boolean {
  return spec.role === "Primary" && spec.writerRequest !== undefined;
}

/** Whether an attachment is more than a replica: its node has the volume published, or requests it. */
export function isPrimaryOrRequested({ spec }: Pick<AzVolumeAttachment, "spec">): boolean {
  return spec.role === "Primary" || spec.writerRequest !== undefined;
}

/** Whether the node of an attachment has nothing of a volume that several nodes may write. */
export function isUnused(attachment: AzVolumeAttachment): boolean {
  return !isPrimaryOrRequested(attachment) && attachment.spec.staged !== true;
}
