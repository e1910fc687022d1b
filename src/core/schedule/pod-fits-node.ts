import { matchesLabels } from "./matches-labels.ts";
import { admitsNode, matchesAnyTerm, missingLabel } from "./node-affinity.ts";
import type {
  Labels,
  NeighbourPod,
  NodeForPods,
  PlacedPod,
  PodAffinityTerm,
  PodRules,
  SpreadView,
  VolumePlacement,
} from "./pod-rules.ts";
import { type SpreadRoom, type SpreadRooms, spreadRoomsOf } from "./topology-spread.ts";
import { untoleratedTaint } from "./untolerated-taint.ts";

/** Why the pods that use a volume could not run on a node; undefined if they could. */
export type WhyNot = (node: NodeForPods) => string | undefined;

/**
 * Why the pods that use a volume could not run on a node. Looks at what the scheduler requires by labels:
 * taints, node selector, required node affinity of the pods and of their volumes, required affinity and
 * anti-affinity between pods, and spread constraints. CPU, memory and ports are left out: they change from
 * minute to minute. Each neighbour is looked at once, however many nodes are asked about.
 */
export function whyPodsDoNotFit({ pods, neighbours, spreadView }: VolumePlacement): WhyNot {
  const rules = pods.map((pod): WhyNot => {
    const whyNearby = whyApart(pod, neighbours);
    const hasCompany = companyOf(pod, pods, neighbours);
    const whyUneven = whySpreadForbids(pod, spreadView, () => 0);
    return (node) =>
      whyTainted(pod, node) ??
      whyLabelsDoNotFit(pod, node) ??
      whyNearby(node) ??
      (hasCompany(node) ? undefined : `has none of the pods that ${nameOf(pod)} must run with`) ??
      whyUneven(node);
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
 * conditions and agents that restart set as well, the pods that they must run with, and a spread that may be
 * uneven only until pods have restarted. A replica is of use to any pod that could run there: a backup pod
 * that is tied to the writer's node changes nothing for the others.
 */
export function whyPodsStayOff(placement: VolumePlacement, node: NodeForPods): string | undefined {
  const { pods, neighbours, spreadView } = placement;
  return whyNone(
    pods.map(
      (pod) =>
        whyLabelsDoNotFit(pod, node) ??
        whyApart(pod, neighbours)(node) ??
        whySpreadForbids(pod, spreadView, ({ unsettled }) => unsettled())(node),
    ),
  );
}

/**
 * Why none of the pods that use a volume would come to a node if theirs was lost now. Besides
 * `whyPodsStayOff`, a pod waits where the spread is uneven until the Node object of its lost node is deleted.
 */
export function whyPodsDoNotMove(placement: VolumePlacement, node: NodeForPods): string | undefined {
  const { pods, neighbours, spreadView } = placement;
  return whyNone(
    pods.map((pod) => {
      const off = whyLabelsDoNotFit(pod, node) ?? whyApart(pod, neighbours)(node);
      if (off !== undefined || pod.spread.length === 0) return off;
      const { whileNodeStays, unsettled } = spreadRoomsOf(pod, spreadView);
      const found = whileNodeStays(node);
      return found.room < 0 && found.room + unsettled() < 0 ? describeSpread(pod, found) : undefined;
    }),
  );
}

/**
 * Whether each of some pods may run on one of some nodes, by what stays as it is: the node that it is bound
 * to, its node selector and affinity, and those of its volumes.
 */
export function canRunAmong(pods: readonly PlacedPod[], nodes: readonly NodeForPods[]): boolean {
  return pods.every((pod) =>
    nodes.some(
      (node) =>
        (pod.nodeName === "" || pod.nodeName === node.nodeName) && whyLabelsDoNotFit(pod, node) === undefined,
    ),
  );
}

/**
 * How well the spread constraints of a volume's pods admit them on a node: the higher, the longer they are
 * likely to. -1: a pod waits until the Node object of its lost node is deleted.
 */
export function spreadRank({ pods, spreadView }: VolumePlacement): (node: NodeForPods) => number {
  const rooms = pods.filter(({ spread }) => spread.length > 0).map((pod) => spreadRoomsOf(pod, spreadView));
  return (node) => {
    const found = rooms.map(({ whileNodeStays }) => whileNodeStays(node));
    return found.some(({ room }) => room < 0) ? -1 : found.reduce((sum, { firm }) => sum + firm, 0);
  };
}

function whyTainted(pod: PodRules, node: NodeForPods): string | undefined {
  const taint = untoleratedTaint(node.taints, pod.tolerations);
  if (taint === undefined) return undefined;
  const { key, value, effect } = taint;
  return `has a taint that ${nameOf(pod)} does not tolerate: ${key}${value === "" ? "" : `=${value}`}:${effect}`;
}

function whyLabelsDoNotFit(pod: PlacedPod, node: NodeForPods): string | undefined {
  const podName = nameOf(pod);
  const label = missingLabel(pod.nodeSelector, node);
  if (label !== undefined) return `does not match the node selector of ${podName}: ${label}`;
  if (pod.nodeAffinity !== undefined && !matchesAnyTerm(pod.nodeAffinity, node))
    return `does not match the node affinity of ${podName}`;
  const closed = pod.volumeAffinities.find(({ terms }) => !admitsNode(terms, node));
  return closed === undefined
    ? undefined
    : `does not match the node affinity of PersistentVolume ${closed.volumeName} of ${podName}`;
}

/** What is forbidden while the Node object of a lost node exists, and later. `slackOf`: in pods, from 0. */
function whySpreadForbids(pod: PlacedPod, view: SpreadView, slackOf: (rooms: SpreadRooms) => number): WhyNot {
  if (pod.spread.length === 0) return () => undefined;
  const rooms = spreadRoomsOf(pod, view);
  return (node) => {
    const found = rooms.whileNodeStays(node);
    if (found.room >= 0) return undefined;
    const slack = slackOf(rooms);
    return found.room + slack < 0 && rooms.onceNodeIsGone(node).room + slack < 0
      ? describeSpread(pod, found)
      : undefined;
  };
}

function describeSpread(pod: PlacedPod, { room, tightest }: SpreadRoom): string {
  const { topologyKey = "", maxSkew = 1 } = tightest ?? {};
  return room === -Infinity
    ? `has no label ${topologyKey}, by which ${nameOf(pod)} is spread`
    : `would have ${nameOf(pod)} exceed maxSkew ${maxSkew} of ${topologyKey}`;
}

function whyNone(reasons: readonly (string | undefined)[]): string | undefined {
  return reasons.includes(undefined) ? undefined : reasons[0];
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
 * terms select. The first of a series of pods that select each other may run anywhere. So may a pod whose
 * company uses the same volume on the same node, or on none yet: they move together.
 */
function companyOf(
  pod: PlacedPod,
  own: readonly PlacedPod[],
  neighbours: readonly NeighbourPod[],
): (node: NodeForPods) => boolean {
  const terms = pod.podAffinity;
  if (terms.length === 0) return () => true;
  const isCompany = (other: NeighbourPod | PlacedPod): boolean =>
    terms.every((term) => selectsPod(term, other));
  const ownCompany = own.filter((other) => other !== pod && isCompany(other));
  const hasOwn = ownCompany.some((other) => movesWith(pod, other));
  const selected = [...neighbours.filter(isCompany), ...ownCompany];
  const isFirst = selected.length === 0 && terms.every((term) => selectsPod(term, pod));
  const places = terms.map(({ topologyKey }) => ({
    topologyKey,
    withCompany: new Set(selected.map(({ nodeLabels }) => nodeLabels[topologyKey])),
  }));
  return ({ labels }) =>
    places.every(({ topologyKey, withCompany }) => {
      const place = labels[topologyKey];
      return place !== undefined && (hasOwn || isFirst || withCompany.has(place));
    });
}

function movesWith(pod: PlacedPod, other: PlacedPod): boolean {
  return pod.nodeName === other.nodeName || pod.nodeName === "" || other.nodeName === "";
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
