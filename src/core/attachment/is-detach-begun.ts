import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import { isSameVmId, type NodeIdentity } from "../api/identity/node-identity.ts";

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
