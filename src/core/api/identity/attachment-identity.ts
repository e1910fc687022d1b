import { isSameResourceUri } from "../../azure/ids/disk-uri.ts";
import type { AzVolumeAttachment } from "../az-volume-attachment.ts";
import type { AzVolume } from "../az-volume.ts";
import { attachmentObjectName } from "../object-names.ts";
import { diskUriOf } from "./disk-uri-of.ts";

/** What an AzVolumeAttachment is about. */
export interface AttachmentIdentity {
  /** Name of the AzVolume. Absent: any. */
  readonly volumeName?: string;
  readonly diskUri: string;
  readonly nodeName: string;
}

/**
 * Whether an AzVolumeAttachment read by name is that of this disk on this node. A node plug-in may create
 * objects under any name, so the name alone proves nothing.
 */
export function isAttachmentOf(
  { spec }: AzVolumeAttachment,
  { volumeName, diskUri, nodeName }: AttachmentIdentity,
): boolean {
  return (
    spec.nodeName === nodeName &&
    isSameResourceUri(spec.volumeId, diskUri) &&
    (volumeName === undefined || spec.volumeName === volumeName)
  );
}

/**
 * Why an AzVolumeAttachment is ignored: its name, its volume and its disk contradict each other. Undefined:
 * it is consistent. Without its AzVolume only the name can be checked; nothing is attached or granted
 * through such an object.
 */
export function attachmentProblem(
  { metadata, spec }: AzVolumeAttachment,
  volume: AzVolume | undefined,
): string | undefined {
  const { volumeName, volumeId, nodeName } = spec;
  const expected = attachmentObjectName({ diskUri: volumeId, nodeName });
  if (metadata.name !== expected)
    return `an attachment of ${volumeId} to ${nodeName} has the name ${expected}, not ${metadata.name}`;
  const diskUri = volume && diskUriOf(volume);
  if (diskUri === undefined || isSameResourceUri(diskUri, volumeId)) return undefined;
  return `spec.volumeId is ${volumeId}, but the disk of AzVolume ${volumeName} is ${diskUri}`;
}
