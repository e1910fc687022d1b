import { matchesLabels } from "./matches-labels.ts";
import { meetsNodeAffinity } from "./node-affinity.ts";
import type {
  CountedPod,
  Labels,
  NodeForPods,
  PlacedPod,
  PodRules,
  SpreadConstraint,
  SpreadView,
} from "./pod-rules.ts";
import { untoleratedTaint } from "./untolerated-taint.ts";

/** What the spread constraints of a pod say of a node. */
export interface SpreadRoom {
  /**
   * How many pods more than this one the fullest of the node's domains takes; negative: the pod can't go
   * there. Infinity: the pod has no constraint; -Infinity: the node is in no domain.
   */
  readonly room: number;
  /** The constraint with that room. */
  readonly tightest: SpreadConstraint | undefined;
  /**
   * How many constraints would still admit the pod after one more pod has come to the domain, or are about
   * the domain that the pod is in already.
   */
  readonly firm: number;
}

/** The room for one pod on each node, where its present node is lost. */
export interface SpreadRooms {
  /** While the Node object of the present node still exists, as after a failure of its VM. */
  readonly whileNodeStays: (node: NodeForPods) => SpreadRoom;
  /** Once that Node object is gone, so that its domains are gone with it, if it was the last one there. */
  readonly onceNodeIsGone: (node: NodeForPods) => SpreadRoom;
  /**
   * Pods that these constraints are about and whose domain is about to change: they wait for a node, or end.
   * Counts are off by as many for moments, in each restart of a workload.
   */
  readonly unsettled: number;
}

/** The domains of one constraint, of the nodes that it and the pod's rules admit. */
interface Domains {
  /** By node. */
  readonly domainOn: ReadonlyMap<string, string>;
  /** How many nodes each domain has. */
  readonly nodeCounts: ReadonlyMap<string, number>;
}

/** The most sets of domains that are kept: most workloads count different pods in the same domains. */
const KEPT_MAX = 16;

/** Domains of the last list of nodes, by the rules that they depend on: results of their arguments alone. */
let kept: { readonly nodes: SpreadView["nodes"]; readonly domains: Map<string, Domains> } | undefined;

/**
 * Where a pod could go by its topology spread constraints with `DoNotSchedule`, as kube-scheduler's
 * PodTopologySpread counts: https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/.
 * Pods on the present node are not counted, since they leave a lost node, too.
 */
export function spreadRoomsOf(pod: PlacedPod, view: SpreadView): SpreadRooms {
  let stays: ((node: NodeForPods) => SpreadRoom) | undefined;
  let gone: ((node: NodeForPods) => SpreadRoom) | undefined;
  return {
    whileNodeStays: (node) => (stays ??= roomsAfter(pod, view, false))(node),
    onceNodeIsGone: (node) => (gone ??= roomsAfter(pod, view, true))(node),
    unsettled: view.pods.filter((other) => isUnsettled(pod, other)).length,
  };
}

/** Whether a constraint of a pod counts another pod, which has to be in the same namespace. */
export function countsPod(
  { namespace, spread }: Pick<PodRules, "namespace" | "spread">,
  other: Pick<CountedPod, "namespace" | "labels">,
): boolean {
  return namespace === other.namespace && spread.some((constraint) => selects(constraint, other.labels));
}

function isUnsettled(pod: PlacedPod, other: CountedPod): boolean {
  const isItself = other.name === pod.name && other.namespace === pod.namespace;
  return !isItself && (other.isTerminating || other.nodeName === "") && countsPod(pod, other);
}

function roomsAfter(
  pod: PlacedPod,
  view: SpreadView,
  isNodeGone: boolean,
): (node: NodeForPods) => SpreadRoom {
  const rules = pod.spread.map((constraint) => {
    const { counts, minimum } = countDomains({ pod, constraint, view, isNodeGone });
    const own = selects(constraint, pod.labels) ? 1 : 0;
    return (node: NodeForPods): { readonly room: number; readonly isFirm: boolean } => {
      const domain = domainOf(node.labels, constraint);
      if (domain === undefined) return { room: -Infinity, isFirm: false };
      const room = constraint.maxSkew - (counts.get(domain) ?? 0) - own + minimum;
      const isOwn = domainOf(pod.nodeLabels, constraint) === domain;
      return { room, isFirm: room >= 1 || isOwn };
    };
  });
  return (node) => {
    let answer: SpreadRoom = { room: Infinity, tightest: undefined, firm: 0 };
    for (const [index, rule] of rules.entries()) {
      const { room, isFirm } = rule(node);
      const { room: least, tightest, firm } = answer;
      answer = {
        room: Math.min(room, least),
        tightest: room < least ? pod.spread[index] : tightest,
        firm: firm + (isFirm ? 1 : 0),
      };
    }
    return answer;
  };
}

/**
 * Counts pods by domain. A lost node has taints that its pods do not tolerate, so that a constraint that
 * honors taints leaves it out. As in kube-scheduler, too few domains count as one without pods.
 */
function countDomains(options: {
  readonly pod: PlacedPod;
  readonly constraint: SpreadConstraint;
  readonly view: SpreadView;
  readonly isNodeGone: boolean;
}): { readonly counts: ReadonlyMap<string, number>; readonly minimum: number } {
  const { pod, constraint, view, isNodeGone } = options;
  const { domainOn, nodeCounts } = domainsOf(pod, constraint, view.nodes);
  const counts = new Map<string, number>();
  for (const other of view.pods) {
    const domain = domainOn.get(other.nodeName);
    if (domain === undefined || other.isTerminating || other.nodeName === pod.nodeName) continue;
    if (other.namespace === pod.namespace && selects(constraint, other.labels))
      counts.set(domain, (counts.get(domain) ?? 0) + 1);
  }
  const present = domainOn.get(pod.nodeName);
  const isPresentLeftOut = isNodeGone || constraint.honorsTaints;
  const isLast = present !== undefined && nodeCounts.get(present) === 1;
  const domainCount = nodeCounts.size - (isPresentLeftOut && isLast ? 1 : 0);
  const hasEmptyOne = counts.size < domainCount || domainCount < Math.max(1, constraint.minDomains);
  const minimum = hasEmptyOne ? 0 : [...counts.values()].reduce((left, right) => Math.min(left, right));
  return { counts, minimum };
}

/** Of the nodes that have the labels of all constraints, and that the inclusion policies admit. */
function domainsOf(pod: PlacedPod, constraint: SpreadConstraint, nodes: SpreadView["nodes"]): Domains {
  const { nodeSelector, nodeAffinity, tolerations } = pod;
  const key = JSON.stringify([
    constraint.topologyKey,
    pod.spread.map(({ topologyKey }) => topologyKey),
    constraint.honorsAffinity ? [nodeSelector, nodeAffinity] : [],
    constraint.honorsTaints ? tolerations : [],
    constraint.honorsTaints,
  ]);
  if (kept?.nodes !== nodes) kept = { nodes, domains: new Map() };
  const known = kept.domains.get(key);
  if (known !== undefined) return known;
  if (kept.domains.size >= KEPT_MAX) kept.domains.clear();
  const found = findDomains(pod, constraint, nodes);
  kept.domains.set(key, found);
  return found;
}

function findDomains(pod: PlacedPod, constraint: SpreadConstraint, nodes: SpreadView["nodes"]): Domains {
  const domainOn = new Map<string, string>();
  const nodeCounts = new Map<string, number>();
  for (const node of nodes) {
    const domain = domainOf(node.labels, constraint);
    if (domain === undefined || !isIncluded(pod, constraint, node)) continue;
    domainOn.set(node.nodeName, domain);
    nodeCounts.set(domain, (nodeCounts.get(domain) ?? 0) + 1);
  }
  return { domainOn, nodeCounts };
}

function isIncluded(pod: PlacedPod, constraint: SpreadConstraint, node: NodeForPods): boolean {
  return (
    pod.spread.every((other) => domainOf(node.labels, other) !== undefined) &&
    (!constraint.honorsAffinity || meetsNodeAffinity(pod, node)) &&
    (!constraint.honorsTaints || untoleratedTaint(node.taints, pod.tolerations) === undefined)
  );
}

function domainOf(labels: Labels, { topologyKey }: SpreadConstraint): string | undefined {
  return Object.hasOwn(labels, topologyKey) ? labels[topologyKey] : undefined;
}

function selects({ selector }: SpreadConstraint, labels: Labels): boolean {
  return selector !== undefined && matchesLabels(labels, selector);
}
