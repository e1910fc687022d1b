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

/** Why the pods that use a volume could not run on a node; undefined if they could. */
export type WhyNot = (node: NodeForPods) => string | undefined;

/**
 * Why the pods that use a volume could not run on a node. Looks at what the scheduler requires by labels:
 * taints, node selector, required node affinity, and required affinity and anti-affinity between pods. CPU,
 * memory, ports and topology spread are left out: they change from minute to minute. Each neighbour is
 * looked at once, however many nodes are asked about.
 */
export function whyPodsDoNotFit({ pods, neighbours }: VolumePlacement): WhyNot {
  const rules = pods.map((pod): WhyNot => {
    const whyNearby = whyApart(pod, neighbours);
    const hasCompany = companyOf(pod, neighbours);
    return (node) =>
      whyTainted(pod, node) ??
      whyLabelsDoNotFit(pod, node) ??
      whyNearby(node) ??
      (hasCompany(node) ? undefined : `has none of the pods that ${nameOf(pod)} must run with`);
  });
  return (node) => {
    for (const whyNot of rules) {
      const because = whyNot(node);
      if (because !== undefined) return because;
    }
    return undefined;
  };
}

/**
 * Why none of the pods that use a volume runs on a node for as long as its labels and the pods there are what
 * they are. Of `whyPodsDoNotFit` it leaves out what may change by itself within seconds: taints, which
 * conditions and agents that restart set as well, and the pods that they must run with. A replica is of use
 * to any pod that could run there: a backup pod that is tied to the writer's node changes nothing for the
 * others.
 */
export function whyPodsStayOff({ pods, neighbours }: VolumePlacement, node: NodeForPods): string | undefined {
  const reasons = pods.map((pod) => whyLabelsDoNotFit(pod, node) ?? whyApart(pod, neighbours)(node));
  return reasons.includes(undefined) ? undefined : reasons[0];
}

function whyTainted(pod: PodRules, node: NodeForPods): string | undefined {
  const taint = untoleratedTaint(node.taints, pod.tolerations);
  if (taint === undefined) return undefined;
  const { key, value, effect } = taint;
  return `has a taint that ${nameOf(pod)} does not tolerate: ${key}${value === "" ? "" : `=${value}`}:${effect}`;
}

function whyLabelsDoNotFit(pod: PodRules, node: NodeForPods): string | undefined {
  const podName = nameOf(pod);
  const label = Object.entries(pod.nodeSelector).find(([key, value]) => node.labels[key] !== value);
  if (label !== undefined) return `does not match the node selector of ${podName}: ${label[0]}=${label[1]}`;
  if (pod.nodeAffinity !== undefined && !pod.nodeAffinity.some((term) => matchesNode(term, node)))
    return `does not match the node affinity of ${podName}`;
  return undefined;
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
function whyApart(pod: PodRules, neighbours: readonly NeighbourPod[]): WhyNot {
  const rivals = new Map<string, Map<string, NeighbourPod>>();
  for (const other of neighbours)
    for (const { topologyKey } of termsBetween(pod, other)) {
      const place = other.nodeLabels[topologyKey];
      const known = rivals.get(topologyKey) ?? new Map<string, NeighbourPod>();
      rivals.set(topologyKey, known);
      if (place !== undefined && !known.has(place)) known.set(place, other);
    }
  return ({ labels }) => {
    for (const [topologyKey, rivalAt] of rivals) {
      const place = labels[topologyKey];
      const rival = place === undefined ? undefined : rivalAt.get(place);
      if (rival !== undefined)
        return `is kept apart from ${nameOf(pod)} by anti-affinity to ${nameOf(rival)}`;
    }
    return undefined;
  };
}

function termsBetween(pod: PodRules, other: NeighbourPod): readonly PodAffinityTerm[] {
  return [
    ...pod.podAntiAffinity.filter((term) => selectsPod(term, other)),
    ...other.podAntiAffinity.filter((term) => selectsPod(term, pod)),
  ];
}

/**
 * Whether a node has the pods that a pod must run with: each place that a term names runs one that all of its
 * terms select. The first of a series of pods that select each other may run anywhere.
 */
function companyOf(pod: PodRules, neighbours: readonly NeighbourPod[]): (node: NodeForPods) => boolean {
  const terms = pod.podAffinity;
  if (terms.length === 0) return () => true;
  const selected = neighbours.filter((other) => terms.every((term) => selectsPod(term, other)));
  const isFirst = selected.length === 0 && terms.every((term) => selectsPod(term, pod));
  const places = terms.map(({ topologyKey }) => ({
    topologyKey,
    withCompany: new Set(selected.map(({ nodeLabels }) => nodeLabels[topologyKey])),
  }));
  return ({ labels }) =>
    places.every(({ topologyKey, withCompany }) => {
      const place = labels[topologyKey];
      return place !== undefined && (isFirst || withCompany.has(place));
    });
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

function nameOf({ namespace, name }: Pick<PodRules, "namespace" | "name">): string {
  return `pod ${namespace}/${name}`;
}
