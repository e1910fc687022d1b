import type { AzVolumeAttachment } from "../core/model/az-volume-attachment.ts";
import type { VolumeNote } from "../ports/node-notes.ts";

/**
 * The LUN only while an attachment says that it is this volume's: another volume's disk may have it by now. Then the device number that was noted tells, which
 * the kernel gives to no other disk while anything holds it.
 */
export function whereToLook(known: { readonly attachment: AzVolumeAttachment | undefined; readonly note: VolumeNote | undefined }): {
  readonly lun: number | undefined;
  readonly lastMajorMinor: string | undefined;
} {
  const status = known.attachment?.status;
  return { lun: status?.state === "Attached" ? status.lun : undefined, lastMajorMinor: known.note?.majorMinor };
}
