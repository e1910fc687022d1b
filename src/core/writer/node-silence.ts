import type { ObservedNode, ObservedVolume } from "../attachment/observed-volume.ts";

/** Whether nothing says of a node that it can't write a volume. */
export function isWell(observed: Pick<ObservedVolume, "settings">, node: ObservedNode): boolean {
  return (
    node.isReady && !node.isGone && !node.isOutOfService && !isNotReady(node) && !isSilent(observed, node)
  );
}

/** Whether a pod could be started there now, and its volume made ready. */
export function couldTakeOver(observed: Pick<ObservedVolume, "settings">, node: ObservedNode): boolean {
  return isWell(observed, node) && !node.isUnschedulable;
}

/** No heartbeat for a while: not dead by that, but worth asking the platform whether its VM still exists. */
export function isSilent(observed: Pick<ObservedVolume, "settings">, node: ObservedNode): boolean {
  return node.heartbeatUnchangedMs >= observed.settings.heartbeatStaleMs;
}

/** No heartbeat for a while, and that is not the store's fault: another node's went through meanwhile. */
export function isUnreported(observed: ObservedVolume, node: ObservedNode): boolean {
  return isSilent(observed, node) && observed.nodes().some((other) => !isSilent(observed, other));
}

/** Taints by which Kubernetes says that a node's kubelet is not heard of, or not well. */
const NOT_READY_TAINTS: readonly string[] = [
  "node.kubernetes.io/unreachable",
  "node.kubernetes.io/not-ready",
];

/** Whether the orchestrator says that the node is not ready. */
export function isNotReady({ taints }: Pick<ObservedNode, "taints">): boolean {
  return taints.some(({ key }) => NOT_READY_TAINTS.includes(key));
}
