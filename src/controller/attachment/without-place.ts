import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";

type AttachmentStatus = NonNullable<AzVolumeAttachment["status"]>;

/** Without what the status says of one VM: which it is, and what the disk's place is there. */
export function withoutPlace({
  vmId: _,
  instanceUri: __,
  lun: ___,
  listed: ____,
  deviceMissing: _____,
  provenOff: ______,
  ...status
}: AttachmentStatus): AttachmentStatus {
  return status;
}
