import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { WriterRecord } from "../../core/api/az-volume.ts";
import { isSameVmId, type NodeKey } from "../../core/api/identity/node-identity.ts";
import { isAttached } from "../../core/attachment/attachment-state.ts";
import { fromTimestamp } from "../../core/primitives/timestamp.ts";

/**
 * How long a node uses what a controller has read of its VM's list, by the clocks of both, in milliseconds.
 * The controller reads it again every ten seconds. While none runs, other clients may attach the disk.
 */
const LISTED_FOR_MS = 60_000;

/**
 * The LUN at which this very machine's VM lists a disk that an attach has failed to attach; undefined: not
 * as far as was read lately, for the record's store incarnation.
 */
export function listedLun(
  { vmId }: NodeKey,
  record: WriterRecord | undefined,
  attachment: AzVolumeAttachment | undefined,
  nowMs: number,
): number | undefined {
  const status = attachment?.status;
  const listed = status?.listed;
  if (listed === undefined || listed.storeIncarnation !== record?.storeIncarnation) return undefined;
  const isRecent = Math.abs(nowMs - fromTimestamp(listed.time)) < LISTED_FOR_MS;
  return isRecent && isSameVmId(status?.vmId, vmId) ? listed.lun : undefined;
}

/**
 * The LUN at which an attachment records its disk on this very machine, if not in doubt; undefined: it
 * does not.
 */
export function lunHere(node: NodeKey, attachment: AzVolumeAttachment | undefined): number | undefined {
  if (attachment === undefined || !isAttached(attachment)) return undefined;
  return isSameVmId(attachment.status?.vmId, node.vmId) ? attachment.status?.lun : undefined;
}
