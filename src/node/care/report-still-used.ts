import type { EventReason } from "../../core/events/event-reasons.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { emitOnVolume } from "../emit-on-volume.ts";
import type { NodePorts } from "../node-ports.ts";

/**
 * The reason to report: a program that uses the disk, which a person may end, or work that has not ended yet,
 * as on a slow disk, of which there is no program to end. Undefined: the disk is not what it waits for.
 */
function reasonOf(failure: Failure): EventReason | undefined {
  if (failure.kind === "HostCommandTimedOut") return "ReleaseUnfinished";
  if (failure.kind !== "DeviceBusy") return undefined;
  return failure.endsByItself === true ? "ReleaseUnfinished" : "DiskStillUsed";
}

/**
 * Says on the Node what keeps the disk of a volume in use that this node has to give up: kubelet shows no
 * error of an unstage, and what has the disk may be known to no other component.
 */
export function reportStillUsed(ports: NodePorts, volumeName: string, failure: Failure): void {
  const reason = reasonOf(failure);
  if (reason === undefined) return;
  const { nodeName } = ports.node;
  emitOnVolume(ports, volumeName, reason, `${nodeName} can't release it: ${describeFailure(failure)}`);
}
