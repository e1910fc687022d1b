import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { emitOnVolume } from "../emit-on-volume.ts";
import type { NodePorts } from "../node-ports.ts";

/**
 * Says on the Node what keeps the disk of a volume in use that this node has to give up: kubelet shows no
 * error of an unstage, and what has the disk may be known to no other component.
 */
export function reportStillUsed(ports: NodePorts, volumeName: string, failure: Failure): void {
  if (failure.kind !== "DeviceBusy") return;
  const { nodeName } = ports.node;
  emitOnVolume(
    ports,
    volumeName,
    "DiskStillUsed",
    `${nodeName} can't release it: ${describeFailure(failure)}`,
  );
}
