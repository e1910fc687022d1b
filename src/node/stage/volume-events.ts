import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import type { EventReason } from "../../core/events/event-reasons.ts";
import { failureLocalKey } from "../../core/events/failure-local-key.ts";
import { mountProblemMessage } from "../../core/events/mount-problem-message.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import type { FoundProblem } from "../../core/node/plan-mount-problems.ts";
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
    message: `${ports.node.nodeName} could not make the volume ready: ${describeFailure(failure)}`,
    localKey: failureLocalKey(failure),
  });
}

/**
 * Emits an event on the volume what is wrong with it as it is mounted here; the leader shows the same on
 * claim and pods. The kubelet only logs that it has no usage of a dead mount, and a pod sees errors of its
 * own. `checkpoint`: of the mount, read before the look.
 */
export function emitMountProblem(
  ports: NodePorts,
  volumeId: string,
  checkpoint: VolumeCheckpoint | undefined,
  problem: FoundProblem,
): void {
  const { nodeName } = ports.node;
  const message = mountProblemMessage(nodeName, problem);
  // A further sign of the same is not news: another pod's path, another error. That of a later mount is: the
  // remedy has not helped.
  const localKey = `${problem.reason} ${mountKey(ports, checkpoint)}`;
  emitOnVolume(ports, volumeId, { reason: problem.reason, message, localKey });
}

/**
 * What each mount has of its own. A grant may have several mounts, and a volume that several nodes may write
 * has no epoch: a later one was begun at another time, and its disk may have another device number.
 */
function mountKey({ looks }: NodePorts, checkpoint: VolumeCheckpoint | undefined): string {
  if (checkpoint === undefined) return "";
  return `${checkpoint.epoch} ${checkpoint.majorMinor ?? ""} ${looks.of(checkpoint).begunAt ?? ""}`;
}

function emitOnVolume(
  ports: NodePorts,
  volumeId: string,
  {
    reason,
    message,
    localKey,
  }: { readonly reason: EventReason; readonly message: string; readonly localKey: string },
): void {
  const { nodeName } = ports.node;
  for (const volume of ports.cache.byIndex("AzVolume", "diskUri", resourceUriKey(volumeId))) {
    ports.events.emit({
      about: { kind: "AzVolume", name: volume.metadata.name },
      nodeName,
      reason,
      message,
      localKey: `${nodeName} ${localKey}`,
    });
  }
}
