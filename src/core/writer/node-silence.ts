import type { ObservedNode, ObservedVolume } from "../attachment/observed-volume.ts";

/** Whether no sign exists that a node can't write a volume. */
export function isWell(observed: Pick<ObservedVolume, "settings">, node: ObservedNode): boolean {
  return (
    node.isReady && !node.isGone && !node.isOutOfService && !isNotReady(node) && !isSilent(observed, node)
  );
}

/** Whether a pod could start there now, and its volume be made ready. */
export function couldTakeOver(observed: Pick<ObservedVolume, "settings">, node: ObservedNode): boolean {
  return isWell(observed, node) && !node.isUnschedulable;
}

/** No heartbeat for a while: not proof of death, but a reason to ask the platform whether its VM exists. */
export function isSilent(observed: Pick<ObservedVolume, "settings">, node: ObservedNode): boolean {
  return node.heartbeatUnchangedMs >= observed.settings.heartbeatStaleMs;
}

/** No heartbeat for a while, and the store works: another node's heartbeat arrived in that time. */
export function isUnreported(observed: ObservedVolume, node: ObservedNode): boolean {
  return isSilent(observed, node) && observed.nodes().some((other) => !isSilent(observed, other));
}

/** Taints by which Kubernetes marks a node whose kubelet is unreachable or unhealthy. */
const NOT_READY_TAINTS: readonly string[] = [
  "node.kubernetes.io/unreachable",
  "node.kubernetes.io/not-ready",
];

/** Whether the orchestrator says that the node is not ready. */
export function isNotReady({ taints }: Pick<ObservedNode, "taints">): boolean {
  return taints.some(({ key }) => NOT_READY_TAINTS.includes(key));
}
