import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { holdsShare } from "../../core/attachment/plan-attachment.ts";
import { isSingleWriter } from "../../core/volume/access-modes.ts";
import type { AttachmentPorts } from "../controller-ports.ts";
import { lookAtDisk } from "../disk/keep-modification.ts";

/**
 * Whether the shares of a disk may be others than is recorded, and a pod may be refused for that: several
 * nodes write, and none has the disk. Azure changes their number only while no VM has it.
 */
export function mayHaveOtherShares(
  ports: Pick<AttachmentPorts, "cache" | "settings">,
  volume: AzVolume,
  { metadata, spec }: AzVolumeAttachment,
): boolean {
  if (isSingleWriter(volume.spec.capabilities)) return false;
  return ports.cache
    .byIndex("AzVolumeAttachment", "volumeName", spec.volumeName)
    .every((other) => other.metadata.name === metadata.name || !holdsShare(ports, other));
}

/**
 * Compares a disk with what is recorded of it. Its node has it already and does not wait for that: what this
 * misses is left to recovery.
 */
export async function countShares(
  ports: AttachmentPorts,
  volume: AzVolume,
  { spec: { volumeId, volumeName } }: AzVolumeAttachment,
  signal: AbortSignal,
): Promise<void> {
  const looked = await lookAtDisk(ports, volume, volumeId, signal);
  if (!looked.ok)
    ports.logger.warn("the shares of a disk were not counted", { volumeName, failure: looked.failure });
}
