/** A taint of a Kubernetes Node. Unknown fields stay unchanged. */
export interface NodeTaint {
  readonly key: string;
  readonly effect?: string;
  readonly value?: string;
}

/**
 * Taints of a node that is being drained or deleted. The first is `kubectl cordon` and `kubectl drain`,
 * the others autoscalers.
 */
const DRAIN_TAINTS: readonly string[] = [
  "node.kubernetes.io/unschedulable",
  "ToBeDeletedByClusterAutoscaler",
  "karpenter.sh/disrupted",
  "karpenter.sh/disruption",
];

/** The taint, of an administrator or a node pool, that keeps pods off a node without a registered plug-in. */
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

/** Whether the node is being drained, so that its workloads will end. */
export function isBeingDrained(taints: readonly NodeTaint[]): boolean {
  return taints.some(({ key }) => DRAIN_TAINTS.includes(key));
}
