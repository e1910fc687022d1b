import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import { isSameVmId, type NodeIdentity } from "../api/identity/node-identity.ts";

/**
 * Whether a detach from that VM was begun, and has not ended as far as is known: it may be about to be sent,
 * under way, late, or have been refused after it was marked.
 */
export function isDetachBegun(
  { status }: Pick<AzVolumeAttachment, "status">,
  { vmId }: Pick<NodeIdentity, "vmId">,
): boolean {
  const isBegun = status?.state === "Detaching" || status?.state === "DetachmentFailed";
  return isBegun && isSameVmId(status.vmId, vmId);
}
