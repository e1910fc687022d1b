import type { AzDriverNode } from "../api/az-driver-node.ts";
import type { ObservedNode, ObservedVolume, VolumeSettings } from "../attachment/observed-volume.ts";

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

/**
 * After how long without a heartbeat a node is silent, in milliseconds: the later it may send the next one
 * by its own last one, the later.
 */
export function silentAfterMs(
  settings: Pick<VolumeSettings, "heartbeatStaleMs">,
  node: Pick<NonNullable<AzDriverNode["status"]>, "heartbeatDelayMs"> | undefined,
): number {
  return settings.heartbeatStaleMs + (node?.heartbeatDelayMs ?? 0);
}

/** No heartbeat for a while: not proof of death, but a reason to ask Azure whether its VM exists. */
export function isSilent(observed: Pick<ObservedVolume, "settings">, node: ObservedNode): boolean {
  return node.heartbeatUnchangedMs >= silentAfterMs(observed.settings, node);
}

/** No heartbeat for a while, and the store works: another node's heartbeat arrived lately. */
export function isUnreported(observed: ObservedVolume, node: ObservedNode): boolean {
  const { heartbeatStaleMs } = observed.settings;
  return (
    isSilent(observed, node) &&
    observed.nodes().some((other) => other.heartbeatUnchangedMs < heartbeatStaleMs)
  );
}

/** The taint by which Kubernetes marks a node whose kubelet has not reported for 50 s (1.32 and later). */
const UNREACHABLE_TAINT = "node.kubernetes.io/unreachable";

/** Taints by which Kubernetes marks a node whose kubelet is unreachable or unhealthy. */
const NOT_READY_TAINTS: readonly string[] = [UNREACHABLE_TAINT, "node.kubernetes.io/not-ready"];

/** Whether the orchestrator says that the node is not ready. */
export function isNotReady({ taints }: Pick<ObservedNode, "taints">): boolean {
  return taints.some(({ key }) => NOT_READY_TAINTS.includes(key));
}

/** Whether the orchestrator receives nothing from the node's kubelet. */
export function isUnreachable({ taints }: { readonly taints: readonly { readonly key: string }[] }): boolean {
  return taints.some(({ key }) => key === UNREACHABLE_TAINT);
}
