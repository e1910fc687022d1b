import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { attachmentProblem } from "../../core/api/identity/attachment-identity.ts";

/** An AzVolumeAttachment that the driver ignores, and why, as a sentence without its full stop. */
export interface IgnoredAttachment {
  readonly attachment: AzVolumeAttachment;
  readonly because: string;
}

/**
 * Judges attachments against the cached volumes. Each object is judged once for each version of its
 * volume: plans ask far more often than objects change.
 */
export function createAttachmentFilter(volumeOf: (volumeName: string) => AzVolume | undefined): {
  readonly problem: (attachment: AzVolumeAttachment) => string | undefined;
} {
  const judged = new WeakMap<
    AzVolumeAttachment,
    { readonly volume: AzVolume | undefined; readonly problem: string | undefined }
  >();
  return {
    problem: (attachment) => {
      const volume = volumeOf(attachment.spec.volumeName);
      const known = judged.get(attachment);
      if (known !== undefined && known.volume === volume) return known.problem;
      const problem = attachmentProblem(attachment, volume);
      judged.set(attachment, { volume, problem });
      return problem;
    },
  };
}
