import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { WriterRecord } from "../../core/api/az-volume.ts";
import { isSameVmId, type NodeKey } from "../../core/api/node-identity.ts";
import { isAttached } from "../../core/attachment/is-attached.ts";

/**
 * The LUN at which this very machine's VM lists a disk that an attach has failed to attach; undefined: not
 * as far as is known in the record's store incarnation.
 */
export function listedLun(
  { vmId }: NodeKey,
  record: WriterRecord | undefined,
  attachment: AzVolumeAttachment | undefined,
): number | undefined {
  const status = attachment?.status;
  const isOfRecord = record !== undefined && status?.listed?.storeIncarnation === record.storeIncarnation;
  return isOfRecord && isSameVmId(status.vmId, vmId) ? status.listed?.lun : undefined;
}

/**
 * The LUN at which an attachment records its disk on this very machine, if not in doubt; undefined: it
 * does not.
 */
export function lunHere(node: NodeKey, attachment: AzVolumeAttachment | undefined): number | undefined {
  if (attachment === undefined || !isAttached(attachment)) return undefined;
  return isSameVmId(attachment.status?.vmId, node.vmId) ? attachment.status?.lun : undefined;
}
