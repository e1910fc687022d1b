import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";

type AttachmentStatus = NonNullable<AzVolumeAttachment["status"]>;

/** Without what the status says of one VM: which it is, and what the disk's place is there. */
export function withoutPlace({
  vmId: _vmId,
  instanceUri: _instanceUri,
  lun: _lun,
  listed: _listed,
  deviceMissing: _deviceMissing,
  provenOff: _provenOff,
  ...status
}: AttachmentStatus): AttachmentStatus {
  return status;
}
