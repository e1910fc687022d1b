/** A taint of a Kubernetes Node; fields that the driver does not know stay as they are. */
export interface NodeTaint {
  readonly key: string;
  readonly effect?: string;
  readonly value?: string;
}

/**
 * Taints that say: this node is being emptied, or is about to go. The first is `kubectl cordon` and
 * `kubectl drain`, the others autoscalers.
 */
const DRAIN_TAINTS: readonly string[] = [
  "node.kubernetes.io/unschedulable",
  "ToBeDeletedByClusterAutoscaler",
  "karpenter.sh/disrupted",
  "karpenter.sh/disruption",
];

/**
 * The taint that keeps pods off a new node until its plug-in is registered: an administrator or a node pool
 * puts it there.
 */
export function startUpTaintKey(driverName: string): string {
  return `${driverName}/agent-not-ready`;
}

/** The taints without the start-up taint, whatever its effect; undefined if it is not among them. */
export function withoutStartUpTaint(
  taints: readonly NodeTaint[],
  driverName: string,
): readonly NodeTaint[] | undefined {
  const kept = taints.filter(({ key }) => key !== startUpTaintKey(driverName));
  return kept.length === taints.length ? undefined : kept;
}

/** Whether somebody is emptying the node, so that its workloads will go. */
export function isBeingDrained(taints: readonly NodeTaint[]): boolean {
  return taints.some(({ key }) => DRAIN_TAINTS.includes(key));
}
