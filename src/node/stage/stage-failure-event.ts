import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import { failureLocalKey } from "../../core/events/failure-local-key.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import type { NodePorts } from "../node-ports.ts";

/**
 * Emits an event on the volume why a node could not stage it; the kubelet reports the answer on the pod.
 * Not where another call is under way, the caller gave up, or no object of that volume is known.
 */
export function emitStageFailure(ports: NodePorts, volumeId: string, failure: Failure): void {
  if (
    failure.kind === "OperationInProgress" ||
    failure.kind === "Cancelled" ||
    failure.kind === "DeadlineExceeded"
  )
    return;
  const { nodeName } = ports.node;
  for (const volume of ports.cache.byIndex("AzVolume", "diskUri", resourceUriKey(volumeId))) {
    ports.events.emit({
      about: { kind: "AzVolume", name: volume.metadata.name },
      nodeName,
      reason: "StageFailed",
      message: `${nodeName} could not make the volume ready: ${describeFailure(failure)}`,
      localKey: `${nodeName} ${failureLocalKey(failure)}`,
    });
  }
}
