import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import { isSameResourceUri } from "../azure/ids/disk-uri.ts";
import { isRequestedPrimary } from "./attachment-state.ts";
import { isTerminating } from "./observed-volume.ts";

/**
 * Whether a node takes a disk for a pod: it has it, or is to get it, or has a slot beside the disks that
 * stay there. A replica is evicted when its slot is needed, and a disk whose request is withdrawn is
 * detached soon: neither stays.
 */
export function takesDisk(
  diskUri: string,
  on: { readonly attachments: readonly AzVolumeAttachment[]; readonly volumesMax: number },
): boolean {
  const own = on.attachments.find(({ spec }) => isSameResourceUri(spec.volumeId, diskUri));
  if (own !== undefined && (isRequestedPrimary(own) || holdsSlot(own))) return true;
  return on.attachments.filter(stays).length < on.volumesMax;
}

/** Whether a disk has a slot of its node already, or is being given one. */
export function holdsSlot({ status }: Pick<AzVolumeAttachment, "status">): boolean {
  return status !== undefined && status.state !== "Pending" && status.state !== "AttachmentFailed";
}

function stays(attachment: AzVolumeAttachment): boolean {
  return isRequestedPrimary(attachment) && !isTerminating(attachment);
}
