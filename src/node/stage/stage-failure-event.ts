import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import type { EventReason } from "../../core/events/event-reasons.ts";
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
  emitFailure(ports, volumeId, { reason: "StageFailed", what: "could not make the volume ready" }, failure);
}

/**
 * Emits an event on the volume that what a pod has of it on this node is dead. The kubelet only logs that it
 * has no usage of it, and a pod sees errors of its own.
 */
export function emitDeadMount(ports: NodePorts, volumeId: string, failure: Failure): void {
  if (failure.kind !== "FileSystemBroken" && failure.kind !== "WrongDevice") return;
  emitFailure(ports, volumeId, { reason: "MountDead", what: "has lost the use of the volume" }, failure);
}

function emitFailure(
  ports: NodePorts,
  volumeId: string,
  { reason, what }: { readonly reason: EventReason; readonly what: string },
  failure: Failure,
): void {
  const { nodeName } = ports.node;
  for (const volume of ports.cache.byIndex("AzVolume", "diskUri", resourceUriKey(volumeId))) {
    ports.events.emit({
      about: { kind: "AzVolume", name: volume.metadata.name },
      nodeName,
      reason,
      message: `${nodeName} ${what}: ${describeFailure(failure)}`,
      localKey: `${nodeName} ${failureLocalKey(failure)}`,
    });
  }
}
