import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import { isSameVmId } from "../api/identity/node-identity.ts";
import { isAttached } from "../attachment/is-attached.ts";
import { isSameResourceUri } from "../azure/ids/disk-uri.ts";

/** A VM as Azure shows it. */
interface ShownVm {
  /** Its GUID, in any case. */
  readonly vmId: string;
  readonly dataDisks: readonly { readonly diskUri: string; readonly lun: number }[];
}

/**
 * The attachments that say of this VM that it has their disk, at a LUN where it does not list it. Those of
 * another VM, and those that are in doubt already, are none.
 */
export function misplacedAttachments(
  attachments: readonly AzVolumeAttachment[],
  { vmId, dataDisks }: ShownVm,
): readonly AzVolumeAttachment[] {
  const isListed = ({ spec, status }: AzVolumeAttachment): boolean =>
    dataDisks.some(({ diskUri, lun }) => lun === status?.lun && isSameResourceUri(diskUri, spec.volumeId));
  return attachments.filter(
    (attachment) =>
      isAttached(attachment) && isSameVmId(attachment.status?.vmId, vmId) && !isListed(attachment),
  );
}
