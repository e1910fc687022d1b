import { PLACED_BY_LABEL } from "../core/api/attachment-labels.ts";
import type { AzVolumeAttachment } from "../core/api/az-volume-attachment.ts";
import { ATTACHMENT_FINALIZER } from "../core/api/finalizers.ts";
import { attachmentObjectName, labelValue } from "../core/api/object-names.ts";
import type { NewObject } from "../ports/store/object-store.ts";

/**
 * The labels by which the attachments of a volume, and of a node, are listed: names as `labelValue`
 * writes them.
 */
export const VOLUME_NAME_LABEL = "disk.csi.azure.com/volume-name";
export const NODE_NAME_LABEL = "disk.csi.azure.com/node-name";

/**
 * A new AzVolumeAttachment: name and labels follow from its disk, volume and node, and its finalizer
 * keeps it until the disk is detached from the node.
 */
export function newAttachment(spec: AzVolumeAttachment["spec"]): NewObject<"AzVolumeAttachment"> {
  const { volumeId, nodeName } = spec;
  return {
    metadata: {
      name: attachmentObjectName({ diskUri: volumeId, nodeName }),
      finalizers: [ATTACHMENT_FINALIZER],
      labels: attachmentLabels(spec),
    },
    spec,
  };
}

/** The same as created by a controller that places a replica, or has found the disk there. */
export function placedAttachment(spec: AzVolumeAttachment["spec"]): NewObject<"AzVolumeAttachment"> {
  const made = newAttachment(spec);
  return {
    ...made,
    metadata: { ...made.metadata, labels: { ...made.metadata.labels, [PLACED_BY_LABEL]: "controller" } },
  };
}

/** The labels by which an attachment is listed. */
export function attachmentLabels({
  volumeName,
  nodeName,
}: {
  readonly volumeName: string;
  readonly nodeName: string;
}): Readonly<Record<string, string>> {
  return { [VOLUME_NAME_LABEL]: labelValue(volumeName), [NODE_NAME_LABEL]: labelValue(nodeName) };
}
