import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";

/** Whether the disk is attached as far as is known: its device is not reported as missing. */
export function isAttached({ status }: Pick<AzVolumeAttachment, "status">): boolean {
  return status?.state === "Attached" && status.deviceMissing !== true;
}
