import type { AzVolumeAttachment } from "../core/api/az-volume-attachment.ts";
import { isSameResourceUri } from "../core/azure/ids/disk-uri.ts";
import type { VolumeCheckpoint } from "../ports/host/node-checkpoints.ts";
import type { NodePorts } from "./node-ports.ts";

export function ownAttachment(
  { cache, node }: Pick<NodePorts, "cache" | "node">,
  volumeName: string,
): AzVolumeAttachment | undefined {
  return cache
    .byIndex("AzVolumeAttachment", "volumeName", volumeName)
    .find(({ spec }) => spec.nodeName === node.nodeName);
}

export function checkpointOf(
  { checkpoints }: Pick<NodePorts, "checkpoints">,
  volumeName: string,
): VolumeCheckpoint | undefined {
  return checkpoints.volumes().find((checkpoint) => checkpoint.volumeName === volumeName);
}

/** The same by the volume's id: its disk's URI, whatever its case. */
export function checkpointOfDisk(
  { checkpoints }: Pick<NodePorts, "checkpoints">,
  volumeId: string,
): VolumeCheckpoint | undefined {
  return checkpoints.volumes().find((checkpoint) => isSameResourceUri(checkpoint.volumeId, volumeId));
}
