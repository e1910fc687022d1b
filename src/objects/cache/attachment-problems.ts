import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { attachmentProblem } from "../../core/api/identity/attachment-identity.ts";
import { diskUriOf } from "../../core/api/identity/disk-uri-of.ts";

/** An AzVolumeAttachment that the driver ignores, and why, as a sentence without its full stop. */
export interface IgnoredAttachment {
  readonly attachment: AzVolumeAttachment;
  readonly because: string;
}

/**
 * Answers why an attachment is ignored, by the cached volumes. Each object is judged once for each disk of
 * its volume: plans ask far more often than objects change, and a volume changes its status, not its disk.
 */
export function attachmentProblems(
  volumeOf: (volumeName: string) => AzVolume | undefined,
): (attachment: AzVolumeAttachment) => string | undefined {
  const judged = new WeakMap<
    AzVolumeAttachment,
    { readonly diskUri: string | undefined; readonly problem: string | undefined }
  >();
  return (attachment) => {
    const volume = volumeOf(attachment.spec.volumeName);
    const diskUri = volume && diskUriOf(volume);
    const known = judged.get(attachment);
    if (known !== undefined && known.diskUri === diskUri) return known.problem;
    const problem = attachmentProblem(attachment, volume);
    judged.set(attachment, { diskUri, problem });
    return problem;
  };
}
