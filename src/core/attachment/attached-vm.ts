import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { NodeIdentity } from "../api/identity/node-identity.ts";

/**
 * The VM that the disk of an attachment was, or is being, attached to. Undefined: no attach was begun, or
 * the disk was proven detached.
 */
export function attachedVm({ spec: { nodeName }, status }: AzVolumeAttachment): NodeIdentity | undefined {
  if (status?.vmId === undefined || status.instanceUri === undefined) return undefined;
  return { nodeName, vmId: status.vmId, instanceUri: status.instanceUri };
}
