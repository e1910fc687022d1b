import { matchesLabels } from "./matches-labels.ts";
import type {
  Labels,
  NeighbourPod,
  NodeSelectorTerm,
  PodAffinityTerm,
  PodRules,
  Requirement,
  Taint,
  VolumePlacement,
} from "./pod-rules.ts";
import { untoleratedTaint } from "./untolerated-taint.ts";

/** A node, as far as it keeps pods off. */
export interface NodeForPods {
  readonly nodeName: string;
  readonly labels: Labels;
  readonly taints: readonly Taint[];
}

/**
 * Why the pods that use a volume could not run on a node; undefined if they could. Looks at what the
 * scheduler requires by labels: taints, node selector, required node affinity, and required affinity and
 * anti-affinity between pods. CPU, memory, ports and topology spread are left out: they change from minute
 * to minute.
 */
export function whyPodsDoNotFit(placement: VolumePlacement, node: NodeForPods): string | undefined {
  for (const pod of placement.pods) {
    const because = whyPodDoesNotFit(pod, node, placement.neighbours);
    if (because !== undefined) return because;
  }
  return undefined;
}

/**
 * Why none of the pods that use a volume runs on a node for as long as its labels and the pods there are what
 * they are. Of `whyPodsDoNotFit` it leaves out what may change by itself within seconds: taints, which
 * conditions and agents that restart set as well, and the pods that they must run with. A replica is of use
 * to any pod that could run there: a backup pod that is tied to the writer's node changes nothing for the
 * others.
 */
export function whyPodsStayOff(placement: VolumePlacement, node: NodeForPods): string | undefined {
  const reasons = placement.pods.map(
    (pod) => whyLabelsDoNotFit(pod, node) ?? whyApart(pod, node, placement.neighbours),
  );
  return reasons.includes(undefined) ? undefined : reasons[0];
}

function whyPodDoesNotFit(
  pod: PodRules,
  node: NodeForPods,
  neighbours: readonly NeighbourPod[],
): string | undefined {
  const podName = `pod ${pod.namespace}/${pod.name}`;
  const taint = untoleratedTaint(node.taints, pod.tolerations);
  if (taint !== undefined)
    return (
      `has a taint that ${podName} does not tolerate: ` +
      `${taint.key}${taint.value === "" ? "" : `=${taint.value}`}:${taint.effect}`
    );
  const fixed = whyLabelsDoNotFit(pod, node) ?? whyApart(pod, node, neighbours);
  if (fixed !== undefined) return fixed;
  return hasCompany(pod, node, neighbours) ? undefined : `has none of the pods that ${podName} must run with`;
}

function whyLabelsDoNotFit(pod: PodRules, node: NodeForPods): string | undefined {
  const podName = `pod ${pod.namespace}/${pod.name}`;
  const label = Object.entries(pod.nodeSelector).find(([key, value]) => node.labels[key] !== value);
  if (label !== undefined) return `does not match the node selector of ${podName}: ${label[0]}=${label[1]}`;
  if (pod.nodeAffinity !== undefined && !pod.nodeAffinity.some((term) => matchesNode(term, node)))
    return `does not match the node affinity of ${podName}`;
  return undefined;
}

function whyApart(pod: PodRules, node: NodeForPods, neighbours: readonly NeighbourPod[]): string | undefined {
  const rival = findRival(pod, node, neighbours);
  return rival === undefined
    ? undefined
    : `is kept apart from pod ${pod.namespace}/${pod.name} by anti-affinity to ` +
        `pod ${rival.namespace}/${rival.name}`;
}

/**
 * An alternative without any condition matches no node, as
 * https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#node-affinity has it.
 */
function matchesNode(term: NodeSelectorTerm, node: NodeForPods): boolean {
  if (term.matchExpressions.length === 0 && term.matchFields.length === 0) return false;
  return (
    matchesLabels(node.labels, term.matchExpressions) &&
    term.matchFields.every((field) => matchesField(node, field))
  );
}

function matchesField(node: NodeForPods, { key, operator, values }: Requirement): boolean {
  if (key !== "metadata.name" || values.length !== 1) return false;
  if (operator === "In") return values[0] === node.nodeName;
  return operator === "NotIn" && values[0] !== node.nodeName;
}

/**
 * Anti-affinity holds both ways: pods that this pod excludes, and pods that exclude it. A node without
 * the topology's label is no such place.
 */
function findRival(
  pod: PodRules,
  node: NodeForPods,
  neighbours: readonly NeighbourPod[],
): NeighbourPod | undefined {
  return neighbours.find(
    (other) =>
      pod.podAntiAffinity.some(
        (term) => selectsPod(term, other) && isSamePlace(term.topologyKey, node.labels, other.nodeLabels),
      ) ||
      other.podAntiAffinity.some(
        (term) => selectsPod(term, pod) && isSamePlace(term.topologyKey, node.labels, other.nodeLabels),
      ),
  );
}

/**
 * Affinity: each named place runs a pod that all of its terms select. The first of a series of pods that
 * select each other may run anywhere.
 */
function hasCompany(pod: PodRules, node: NodeForPods, neighbours: readonly NeighbourPod[]): boolean {
  if (pod.podAffinity.length === 0) return true;
  if (pod.podAffinity.some((term) => node.labels[term.topologyKey] === undefined)) return false;
  const selected = neighbours.filter((other) => pod.podAffinity.every((term) => selectsPod(term, other)));
  if (selected.length === 0) return pod.podAffinity.every((term) => selectsPod(term, pod));
  return pod.podAffinity.every((term) =>
    selected.some((other) => isSamePlace(term.topologyKey, node.labels, other.nodeLabels)),
  );
}

/** Whether pods on other nodes may be in the place of a node that a rule is about. */
export function reachesBeyondNode({ topologyKey }: PodAffinityTerm): boolean {
  return topologyKey !== "kubernetes.io/hostname";
}

/** Whether a rule between pods is about a pod. */
export function selectsPod(
  term: PodAffinityTerm,
  other: { readonly namespace: string; readonly labels: Labels },
): boolean {
  if (term.selector === undefined) return false;
  return (
    (term.namespaces === undefined || term.namespaces.includes(other.namespace)) &&
    matchesLabels(other.labels, term.selector)
  );
}

function isSamePlace(topologyKey: string, left: Labels, right: Labels): boolean {
  return left[topologyKey] !== undefined && left[topologyKey] === right[topologyKey];
}
