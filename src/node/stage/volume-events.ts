import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import type { EventReason } from "../../core/events/event-reasons.ts";
import { failureLocalKey } from "../../core/events/failure-local-key.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import type { VolumeCheckpoint } from "../../ports/host/node-checkpoints.ts";
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
  emitOnVolume(ports, volumeId, {
    reason: "StageFailed",
    what: `could not make the volume ready: ${describeFailure(failure)}`,
    localKey: failureLocalKey(failure),
  });
}

/**
 * Emits an event on the volume that what a pod has of it on this node is dead. The kubelet only logs that it
 * has no usage of it, and a pod sees errors of its own. `checkpoint`: of the mount, read before its usage.
 */
export function emitDeadMount(
  ports: NodePorts,
  volumeId: string,
  checkpoint: VolumeCheckpoint | undefined,
  failure: Failure,
): void {
  if (failure.kind !== "FileSystemBroken" && failure.kind !== "WrongDevice") return;
  emitOnVolume(ports, volumeId, {
    reason: "MountDead",
    what: `has lost the use of the volume: ${describeFailure(failure)}`,
    // Another pod's path, or a further sign that it is dead, is not news. A later mount that is dead is.
    localKey: `${failure.kind} ${mountKey(checkpoint)}`,
  });
}

/**
 * Emits an event on the volume that the kernel has found errors in its mounted file system. `checkpoint`: of
 * the mount, read before its usage.
 */
export function emitErrorsFound(
  ports: NodePorts,
  volumeId: string,
  checkpoint: VolumeCheckpoint | undefined,
  errorsFound: number,
): void {
  const times = errorsFound === 1 ? "an error" : `${errorsFound} errors`;
  emitOnVolume(ports, volumeId, {
    reason: "FileSystemErrors",
    what: `has found ${times} in the file system of the volume since its last check`,
    // A further error is not news. Errors after a check are: the remedy has not helped.
    localKey: mountKey(checkpoint),
  });
}

/**
 * What each mount has of its own. Each grant has a higher epoch; a volume that several nodes may write has
 * none, but its disk may have another device number.
 */
function mountKey(checkpoint: VolumeCheckpoint | undefined): string {
  return checkpoint === undefined ? "" : `${checkpoint.epoch} ${checkpoint.majorMinor ?? ""}`;
}

function emitOnVolume(
  ports: NodePorts,
  volumeId: string,
  {
    reason,
    what,
    localKey,
  }: { readonly reason: EventReason; readonly what: string; readonly localKey: string },
): void {
  const { nodeName } = ports.node;
  for (const volume of ports.cache.byIndex("AzVolume", "diskUri", resourceUriKey(volumeId))) {
    ports.events.emit({
      about: { kind: "AzVolume", name: volume.metadata.name },
      nodeName,
      reason,
      message: `${nodeName} ${what}`,
      localKey: `${nodeName} ${localKey}`,
    });
  }
}
