import type { VolumePod } from "../schedule/volume-pod.ts";
import { isNotReady, isUnheard } from "./node-silence.ts";
import { isOutOfService, type ObservedNode, type ObservedVolume } from "./observed-volume.ts";
import type { WriterAction } from "./writer-action.ts";

/** How often it is looked whether a pod waits for a silent writer, in milliseconds. */
const LOOK_AGAIN_MS = 5_000;

/**
 * Reports a writer whose node is silent or NotReady, and what to do about it: to pods on other nodes that wait for the volume, and to those that are still bound to that node.
 * Kubernetes' attach controller holds the attach to the next node back by itself (`Multi-Attach error`), so the driver is not asked, and no want says that a pod waits.
 */
export function planSilentWriter(observed: ObservedVolume, writerNode: string): readonly WriterAction[] {
  const node = observed.node(writerNode);
  if (node === undefined || isOutOfService(observed, writerNode)) return [];
  const signs = signsOfSilence(observed, node);
  if (signs.length === 0) return [];
  const pods = observed.pods() ?? [];
  const waiting = pods.filter((pod) => isWaitingElsewhere(pod, writerNode));
  const there = pods.filter((pod) => pod.nodeName === writerNode);
  const told = { reason: "WriterSilent", nodeName: writerNode, retryAfterMs: LOOK_AGAIN_MS } as const;
  const writer = `${writerNode}, which writes the volume, ${signs.join(", and ")}`;
  const remedy = `If its VM is off or cut off from the network for good, run: kubectl taint nodes ${writerNode} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute`;
  if (waiting.length > 0) {
    const names = waiting.map((pod) => `pod ${pod.name} on ${pod.nodeName}`).join(", ");
    return [{ kind: "WaitFor", ...told, message: `${names} waits for ${writer}. ${remedy}`, news: `${names} waits for ${writerNode}` }];
  }
  if (there.length > 0) {
    const names = there.map((pod) => `pod ${pod.name}${pod.isTerminating ? " (being deleted)" : ""}`).join(", ");
    return [{ kind: "Tell", ...told, message: `${writer}; ${names} is bound to it. ${remedy}`, news: `${names} is bound to ${writerNode}` }];
  }
  return [{ kind: "PlanAgain", afterMs: LOOK_AGAIN_MS }];
}

/** Whether a pod waits on another node than the writer's. */
export function isWaitingElsewhere({ isPending, isTerminating, nodeName }: VolumePod, writerNode: string | undefined): boolean {
  return isPending && !isTerminating && nodeName !== "" && nodeName !== writerNode;
}

function signsOfSilence(observed: ObservedVolume, node: ObservedNode): readonly string[] {
  return [
    ...(isUnheard(observed, node) ? [`has sent no heartbeat for more than ${Math.round(observed.settings.heartbeatStaleMs / 1_000)} s`] : []),
    ...(isNotReady(node) ? ["is NotReady"] : []),
  ];
}
