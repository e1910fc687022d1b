import { PLACED_BY_LABEL } from "../core/api/attachment-labels.ts";
import type { AzVolumeAttachment } from "../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../core/api/az-volume.ts";
import { ATTACHMENT_FINALIZER } from "../core/api/finalizers.ts";
import { attachmentObjectName, labelValue } from "../core/api/object-names.ts";
import { isSingleWriter } from "../core/volume/access-modes.ts";
import type { NewObject } from "../ports/store/object-store.ts";

/** The labels by which the attachments of a volume, or a node, are listed: names as by `labelValue`. */
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

/**
 * A replica as created by a controller that places it, or has found the disk there. An attachment that is
 * gone may have been erased while its node had staged the volume. Where several nodes may write, no record
 * shows that: it is marked as staged, until its node takes that back.
 */
export function placedReplica(
  { metadata, spec }: AzVolume,
  { diskUri, nodeName }: { readonly diskUri: string; readonly nodeName: string },
): NewObject<"AzVolumeAttachment"> {
  const made = newAttachment({
    volumeName: metadata.name,
    volumeId: diskUri,
    nodeName,
    role: "Replica",
    ...(isSingleWriter(spec.capabilities) ? {} : { staged: true }),
    readOnly: false,
    volumeContext: spec.volumeContext,
  });
  return {
    ...made,
    metadata: { ...made.metadata, labels: { ...made.metadata.labels, [PLACED_BY_LABEL]: "controller" } },
  };
}

/** The attachment with the labels by which it is listed; undefined: it has them. */
export function withAttachmentLabels(present: AzVolumeAttachment): AzVolumeAttachment | undefined {
  const { metadata, spec } = present;
  const due = attachmentLabels(spec);
  if (Object.entries(due).every(([name, value]) => metadata.labels?.[name] === value)) return undefined;
  return { ...present, metadata: { ...metadata, labels: { ...metadata.labels, ...due } } };
}

export function attachmentLabels({
  volumeName,
  nodeName,
}: {
  readonly volumeName: string;
  readonly nodeName: string;
}): Readonly<Record<string, string>> {
  return { [VOLUME_NAME_LABEL]: labelValue(volumeName), [NODE_NAME_LABEL]: labelValue(nodeName) };
}
