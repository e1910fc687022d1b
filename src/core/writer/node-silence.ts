import type { NodeStatus } from "../api/az-driver-node.ts";
import type { ObservedNode, ObservedVolume, VolumeSettings } from "../attachment/observed-volume.ts";

/**
 * After how long without a heartbeat a node is silent, in milliseconds: the setting, and the delay of the
 * next heartbeat that its last one has stated.
 */
export function silentAfterMs(
  settings: Pick<VolumeSettings, "heartbeatStaleMs">,
  node: Pick<NodeStatus, "heartbeatDelayMs"> | undefined,
): number {
  return settings.heartbeatStaleMs + (node?.heartbeatDelayMs ?? 0);
}

/** No heartbeat for a while: not proof of death, but a reason to ask Azure whether its VM exists. */
export function isSilent(observed: Pick<ObservedVolume, "settings">, node: ObservedNode): boolean {
  return node.heartbeatUnchangedMs >= silentAfterMs(observed.settings, node);
}

/** Silent, and the store works: another node's heartbeat arrived lately. */
export function isSilentAlone(observed: ObservedVolume, node: ObservedNode): boolean {
  const { heartbeatStaleMs } = observed.settings;
  return (
    isSilent(observed, node) &&
    observed.nodes().some((other) => other.heartbeatUnchangedMs < heartbeatStaleMs)
  );
}

/**
 * What the orchestrator says of a node's kubelet, by the taints of Kubernetes: `unreachable` once it has not
 * reported for 50 s (1.32 and later), `notReady` while it reports to be unhealthy.
 */
export function kubeletOf({
  taints,
}: {
  readonly taints: readonly { readonly key: string }[];
}): "ready" | "notReady" | "unreachable" {
  const has = (taint: string): boolean => taints.some(({ key }) => key === `node.kubernetes.io/${taint}`);
  if (has("unreachable")) return "unreachable";
  return has("not-ready") ? "notReady" : "ready";
}
