import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { isSameVmId, type NodeKey } from "../../core/api/node-identity.ts";
import { isAttached } from "../../core/attachment/is-attached.ts";

/**
 * The LUN at which an attachment records its disk on this very machine, if not in doubt; undefined: it
 * does not.
 */
export function lunHere(node: NodeKey, attachment: AzVolumeAttachment | undefined): number | undefined {
  if (attachment === undefined || !isAttached(attachment)) return undefined;
  return isSameVmId(attachment.status?.vmId, node.vmId) ? attachment.status?.lun : undefined;
}
