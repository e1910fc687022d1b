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
 * Whether to report a node as silent, which decides nothing: also where an earlier leader has found it
 * silent, as its mark shows, and this one has not watched it for long enough. The next heartbeat ends the
 * mark. A mark on every node says that heartbeats do not reach the store.
 */
export function isShownSilent(observed: ObservedVolume, node: ObservedNode): boolean {
  if (isSilentAlone(observed, node)) return true;
  return node.isMarkedSilent === true && observed.nodes().some((other) => other.isMarkedSilent !== true);
}

/** What marks a node as silent since its last heartbeat. */
export function silentMark({
  lastHeartbeatTime,
}: Pick<NodeStatus, "lastHeartbeatTime">): Pick<NodeStatus, "readyForVolumeAllocation" | "statusMessage"> {
  const statusMessage = `silent: the node plug-in's last heartbeat was at ${lastHeartbeatTime}`;
  return { readyForVolumeAllocation: false, statusMessage };
}

/** Not every node that is not ready: one may have said so itself, with its last heartbeat. */
export function isMarkedSilent(status: Pick<NodeStatus, "lastHeartbeatTime" | "statusMessage">): boolean {
  return status.statusMessage === silentMark(status).statusMessage;
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
