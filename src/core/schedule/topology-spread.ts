import { putNewest } from "../primitives/put-newest.ts";
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
   * Other pods that these constraints are about and whose domain is about to change: they wait for a node, or
   * end. Counts are off by as many for moments, in each restart of a workload.
   */
  readonly unsettled: () => number;
}

/** The domains of one constraint, of the nodes that it and the pod's rules admit. */
interface Domains {
  /** By node. */
  readonly domainOn: ReadonlyMap<string, string>;
  /** How many nodes each domain has. */
  readonly nodeCounts: ReadonlyMap<string, number>;
}

/** The pods that one constraint counts, wherever the pod that has it is now. */
interface Counts {
  readonly onNode: ReadonlyMap<string, number>;
  /** By domain; only domains with pods. */
  readonly inDomain: ReadonlyMap<string, number>;
  /** The fewest pods of a domain in `inDomain`, and the fewest of the others; Infinity: there is none. */
  readonly fewest: readonly [number, number];
}

/** What has been counted in one view. */
interface Counted {
  /** By the rules that the counts depend on. */
  readonly counts: Map<string, Counts>;
  /** Names of unsettled pods, by namespace and constraints. */
  readonly unsettled: Map<string, ReadonlySet<string>>;
}

/**
 * The most sets of domains that are kept, and the most counts of one view: most workloads count different
 * pods in the same domains.
 */
const KEPT_MAX = 16;

/** Domains of the last list of nodes, by the rules that they depend on: results of their arguments alone. */
let kept: { readonly nodes: SpreadView["nodes"]; readonly domains: Map<string, Domains> } | undefined;

/** Counts by view, which never changes: results of the view and of their keys alone. */
const counted = new WeakMap<SpreadView, Counted>();

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
    unsettled: () => countUnsettled(pod, view),
  };
}

/** Whether a constraint of a pod counts another pod, which has to be in the same namespace. */
export function countsPod(
  { namespace, spread }: Pick<PodRules, "namespace" | "spread">,
  other: Pick<CountedPod, "namespace" | "labels">,
): boolean {
  return namespace === other.namespace && spread.some((constraint) => selects(constraint, other.labels));
}

function countUnsettled({ namespace, name, spread }: PlacedPod, view: SpreadView): number {
  const { unsettled } = countedIn(view);
  const names = keep(
    unsettled,
    JSON.stringify([namespace, spread.map(({ selector }) => selector)]),
    () =>
      new Set(
        view.pods
          .filter((other) => other.isTerminating || other.nodeName === "")
          .filter((other) => countsPod({ namespace, spread }, other))
          .map((other) => other.name),
      ),
  );
  return names.size - (names.has(name) ? 1 : 0);
}

function roomsAfter(
  pod: PlacedPod,
  view: SpreadView,
  isNodeGone: boolean,
): (node: NodeForPods) => SpreadRoom {
  const rules = pod.spread.map((constraint) => {
    const { countIn, minimum } = countDomains({ pod, constraint, view, isNodeGone });
    const own = selects(constraint, pod.labels) ? 1 : 0;
    return (node: NodeForPods): { readonly room: number; readonly isFirm: boolean } => {
      const domain = domainOf(node.labels, constraint);
      if (domain === undefined) return { room: -Infinity, isFirm: false };
      const room = constraint.maxSkew - countIn(domain) - own + minimum;
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
 * Counts pods by domain, without those on the pod's node. A lost node has taints that its pods do not
 * tolerate, so that a constraint that honors taints leaves it out. As in kube-scheduler, too few domains
 * count as one without pods.
 */
function countDomains(options: {
  readonly pod: PlacedPod;
  readonly constraint: SpreadConstraint;
  readonly view: SpreadView;
  readonly isNodeGone: boolean;
}): { readonly countIn: (domain: string) => number; readonly minimum: number } {
  const { pod, constraint, view, isNodeGone } = options;
  const key = domainsKey(pod, constraint);
  const { domainOn, nodeCounts } = domainsOf(key, pod, constraint, view.nodes);
  const { onNode, inDomain, fewest } = keep(
    countedIn(view).counts,
    JSON.stringify([key, pod.namespace, constraint.selector]),
    () => countPods({ pod, constraint, view, domainOn }),
  );
  const present = domainOn.get(pod.nodeName);
  const all = present === undefined ? 0 : (inDomain.get(present) ?? 0);
  const left = all - (onNode.get(pod.nodeName) ?? 0);
  const populated = inDomain.size - (all > 0 && left === 0 ? 1 : 0);
  const isPresentLeftOut = isNodeGone || constraint.honorsTaints;
  const isLast = present !== undefined && nodeCounts.get(present) === 1;
  const domainCount = nodeCounts.size - (isPresentLeftOut && isLast ? 1 : 0);
  const hasEmptyOne = populated < domainCount || domainCount < Math.max(1, constraint.minDomains);
  const fewestElsewhere = all === fewest[0] ? fewest[1] : fewest[0];
  return {
    countIn: (domain) => (domain === present ? left : (inDomain.get(domain) ?? 0)),
    minimum: hasEmptyOne ? 0 : Math.min(fewestElsewhere, left > 0 ? left : Infinity),
  };
}

function countPods(options: {
  readonly pod: Pick<PlacedPod, "namespace">;
  readonly constraint: SpreadConstraint;
  readonly view: SpreadView;
  readonly domainOn: Domains["domainOn"];
}): Counts {
  const { pod, constraint, view, domainOn } = options;
  const onNode = new Map<string, number>();
  const inDomain = new Map<string, number>();
  for (const { namespace, nodeName, labels, isTerminating } of view.pods) {
    const domain = domainOn.get(nodeName);
    if (domain === undefined || isTerminating) continue;
    if (namespace !== pod.namespace || !selects(constraint, labels)) continue;
    onNode.set(nodeName, (onNode.get(nodeName) ?? 0) + 1);
    inDomain.set(domain, (inDomain.get(domain) ?? 0) + 1);
  }
  const [first = Infinity, second = Infinity] = [...inDomain.values()].toSorted((one, two) => one - two);
  return { onNode, inDomain, fewest: [first, second] };
}

function countedIn(view: SpreadView): Counted {
  const known = counted.get(view) ?? { counts: new Map(), unsettled: new Map() };
  counted.set(view, known);
  return known;
}

/** Of the nodes that have the labels of all constraints, and that the inclusion policies admit. */
function domainsOf(
  key: string,
  pod: PlacedPod,
  constraint: SpreadConstraint,
  nodes: SpreadView["nodes"],
): Domains {
  if (kept?.nodes !== nodes) kept = { nodes, domains: new Map() };
  return keep(kept.domains, key, () => findDomains(pod, constraint, nodes));
}

/** What the domains of a constraint depend on, besides the nodes. */
function domainsKey(pod: PlacedPod, constraint: SpreadConstraint): string {
  const { nodeSelector, nodeAffinity, tolerations } = pod;
  return JSON.stringify([
    constraint.topologyKey,
    pod.spread.map(({ topologyKey }) => topologyKey),
    constraint.honorsAffinity ? [nodeSelector, nodeAffinity] : [],
    constraint.honorsTaints ? tolerations : [],
    constraint.honorsTaints,
  ]);
}

/** The known result, or a new one in place of the oldest. */
function keep<T>(results: Map<string, T>, key: string, find: () => T): T {
  const known = results.get(key);
  if (known !== undefined) return known;
  const found = find();
  putNewest(results, key, found, KEPT_MAX);
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
