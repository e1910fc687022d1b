import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { ControllerPorts } from "../controller-ports.ts";

/** Reports to the users of a volume that its disk is not on the node that holds it. */
export function emitLost(
  { events }: Pick<ControllerPorts, "events">,
  { spec: { nodeName, volumeName } }: AzVolumeAttachment,
): void {
  const message = `${nodeName} writes the volume, and its disk is no longer there`;
  events.emit({
    about: { kind: "AzVolume", name: volumeName },
    nodeName,
    reason: "DiskLost",
    message,
    localKey: nodeName,
  });
}
