import type { AzVolumeAttachment } from "../core/model/az-volume-attachment.ts";
import { attachmentObjectName, labelValue } from "../core/model/object-names.ts";
import type { NewObject } from "../ports/object-store.ts";
import { ATTACHMENT_FINALIZER } from "./controller-ports.ts";

/** An AzVolumeAttachment as it is created, whoever does: its name and labels follow from its disk, volume and node, and it stays until the disk is off the node. */
export function newAttachment(spec: AzVolumeAttachment["spec"]): NewObject<"AzVolumeAttachment"> {
  const { volumeName, volumeId, nodeName } = spec;
  return {
    metadata: {
      name: attachmentObjectName({ diskUri: volumeId, nodeName }),
      finalizers: [ATTACHMENT_FINALIZER],
      labels: { "disk.csi.azure.com/volume-name": labelValue(volumeName), "disk.csi.azure.com/node-name": labelValue(nodeName) },
    },
    spec,
  };
}
