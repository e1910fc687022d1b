import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import type { ControllerPorts } from "../controller-ports.ts";

/**
 * Reports to the users of a volume that its disk is not on the node that holds it. Returns whether this
 * attachment's node holds it.
 */
export function tellIfLost(
  { events }: Pick<ControllerPorts, "events">,
  volume: AzVolume | undefined,
  attachment: AzVolumeAttachment,
): boolean {
  const { nodeName, volumeName } = attachment.spec;
  const writer = volume?.status?.record?.writer;
  if (writer?.nodeName !== nodeName || !writer.held) return false;
  const message = `${nodeName} writes the volume, and its disk is no longer there`;
  events.emit({
    about: { kind: "AzVolume", name: volumeName },
    nodeName,
    reason: "DiskLost",
    message,
    news: nodeName,
  });
  return true;
}
