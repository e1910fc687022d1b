import type { NodeIdentity } from "../../core/api/identity/node-identity.ts";
import type { ControllerPorts } from "../controller-ports.ts";

/** Reports that Azure deletes a disk when it deletes the VM that has it: another client attached it so. */
export function emitDeletedWithVm(
  { events, logger }: Pick<ControllerPorts, "events" | "logger">,
  disk: { readonly volumeName: string; readonly diskUri: string; readonly node: NodeIdentity },
): void {
  const { volumeName, diskUri } = disk;
  const { nodeName, instanceUri } = disk.node;
  logger.warn("disk is deleted with its VM", { volumeName, nodeName, instanceUri, diskUri });
  events.emit({
    about: { kind: "AzVolume", name: volumeName },
    nodeName,
    reason: "DeletedWithVM",
    message: `${diskUri} is attached to ${instanceUri} with deleteOption Delete`,
    localKey: nodeName,
  });
}
