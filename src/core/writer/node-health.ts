import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import { isSameNode } from "../api/identity/node-identity.ts";
import { recordedVm } from "../attachment/attachment-state.ts";
import {
  isRecordMissing,
  type ObservedNode,
  type ObservedVolume,
  recordOf,
  stayingPrimaries,
} from "../attachment/observed-volume.ts";
import { whyPodsDoNotMove } from "../schedule/pod-fits-node.ts";
import { isWaitingElsewhere, type VolumePod } from "../schedule/volume-pod.ts";
import { isSilent, kubeletOf } from "./node-silence.ts";

/**
 * Whether a pod of the volume could start on the node of an attachment, and the volume be made ready, if the
 * pod's present node was lost now.
 */
export function couldTakeOver(
  observed: Pick<ObservedVolume, "settings" | "node" | "placementOn">,
  { spec }: AzVolumeAttachment,
): boolean {
  const node = observed.node(spec.nodeName);
  if (node === undefined || !isWell(observed, node) || node.isUnschedulable) return false;
  return whyPodsDoNotMove(observed.placementOn(spec.nodeName), node) === undefined;
}

/**
 * Whether the writer's own node is healthy and no known pod waits elsewhere: no failover is near, and the
 * volume can spare a replica for a while. Where several nodes write, each of them has to be. A record that is
 * being rebuilt proves nothing.
 */
export function isWriterWell(observed: ObservedVolume): boolean {
  const record = recordOf(observed);
  if (record === undefined) return !isRecordMissing(observed.volume) && areWritersWell(observed);
  const { writer, fencing } = record;
  if (writer?.requested !== true || fencing !== undefined) return false;
  const node = observed.node(writer.nodeName);
  if (node === undefined || !isSameNode(node, writer) || !isWell(observed, node)) return false;
  return observed.pods()?.some((pod) => isWaitingElsewhere(pod, writer.nodeName)) === false;
}

/** No record names the writers of a multi-writer volume: they are its primaries. */
function areWritersWell(observed: ObservedVolume): boolean {
  const writers = stayingPrimaries(observed);
  const areWell = writers.every((writer) => {
    const node = observed.node(writer.spec.nodeName);
    const vm = recordedVm(writer);
    return node !== undefined && isWell(observed, node) && (vm === undefined || isSameNode(node, vm));
  });
  const isElsewhere = (pod: VolumePod): boolean =>
    writers.every(({ spec }) => isWaitingElsewhere(pod, spec.nodeName));
  return writers.length > 0 && areWell && observed.pods()?.some(isElsewhere) === false;
}

/** Whether no sign exists that a node can't write a volume. */
function isWell(observed: Pick<ObservedVolume, "settings">, node: ObservedNode): boolean {
  const { isReady, isGone, isOutOfService } = node;
  return isReady && !isGone && !isOutOfService && kubeletOf(node) === "ready" && !isSilent(observed, node);
}
