import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { isSameVmId, type NodeKey } from "../../core/api/node-identity.ts";

/**
 * The LUN at which an attachment records its disk on this very machine, if not in doubt; undefined: it
 * does not.
 */
export function lunHere(node: NodeKey, attachment: AzVolumeAttachment | undefined): number | undefined {
  const status = attachment?.status;
  if (status?.state !== "Attached" || status.deviceMissing === true) return undefined;
  return isSameVmId(status.vmId, node.vmId) ? status.lun : undefined;
}
