import type { EventReason } from "../core/events/event-reasons.ts";
import type { NodePorts } from "./node-ports.ts";

export function emitOnVolume(
  ports: NodePorts,
  volumeName: string,
  reason: EventReason,
  message: string,
): void {
  ports.events.emit({
    about: { kind: "AzVolume", name: volumeName },
    nodeName: ports.node.nodeName,
    reason,
    message,
  });
}
