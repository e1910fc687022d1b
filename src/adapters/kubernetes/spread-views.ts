import {
  type CountedPod,
  type NodeForPods,
  nothingSpread,
  type PodRules,
  type SpreadConstraint,
  type SpreadView,
} from "../../core/schedule/pod-rules.ts";
import { countsPod } from "../../core/schedule/topology-spread.ts";
import type { SourceCache } from "../../ports/store/source-cache.ts";
import type { CachedNode } from "./core/core-node.ts";
import type { ClusterPod } from "./core/core-pod.ts";
import type { NodeIndex, PodIndex } from "./core/core-sources.ts";

/** The most views that are kept at a time: one for all pods of a namespace with equal constraints. */
const VIEWS_MAX = 1_000;

/** A view, and the namespaces of the pods that it counts. */
interface KnownView {
  readonly namespaces: ReadonlySet<string>;
  readonly view: SpreadView;
}

interface NamespacePods {
  readonly all: readonly CountedPod[];
  /** Those with a value of a label. */
  readonly withLabel: (key: string, value: string) => readonly CountedPod[];
}

/**
 * What the spread constraints of pods are about. The view of equal constraints is the same object until a pod
 * of their namespace, or a node, changes in what it shows, or a thousand later views have replaced it.
 */
export function createSpreadViews(caches: {
  readonly pods: Pick<SourceCache<ClusterPod, PodIndex>, "byIndex" | "onChange">;
  readonly nodes: Pick<SourceCache<CachedNode, NodeIndex>, "list" | "onChange">;
}): (users: readonly Pick<PodRules, "namespace" | "spread">[]) => SpreadView {
  const { pods, nodes } = caches;
  const views = new Map<string, KnownView>();
  const podsIn = new Map<string, NamespacePods>();
  let allNodes: readonly NodeForPods[] | undefined;
  pods.onChange(({ previous, current }) => {
    if (shown(previous) === shown(current) && previous?.labels === current?.labels) return;
    const namespace = (current ?? previous)?.metadata.namespace ?? "";
    podsIn.delete(namespace);
    for (const [key, { namespaces }] of views) if (namespaces.has(namespace)) views.delete(key);
  });
  nodes.onChange(({ previous, current }) => {
    if (previous !== undefined && current !== undefined && isSameForPods(previous, current)) return;
    views.clear();
    allNodes = undefined;
  });

  function podsOf(namespace: string): NamespacePods {
    const found =
      podsIn.get(namespace) ?? createNamespacePods(pods.byIndex("namespace", namespace).map(countedPod));
    podsIn.set(namespace, found);
    return found;
  }

  return (users) => {
    const spread = users.filter((user) => user.spread.length > 0);
    if (spread.length === 0) return nothingSpread;
    const key = JSON.stringify(spread.map((user) => [user.namespace, user.spread]));
    const known = views.get(key);
    if (known !== undefined) return known.view;
    allNodes ??= nodes.list().map(nodeForPods);
    const candidates = spread.flatMap(({ namespace, spread: constraints }) =>
      constraints.flatMap(({ selector }) => candidatesFor(selector, podsOf(namespace))),
    );
    const view: SpreadView = {
      nodes: allNodes,
      pods: [...new Set(candidates)].filter((pod) => spread.some((user) => countsPod(user, pod))),
    };
    const [oldest] = views.size >= VIEWS_MAX ? views.keys() : [];
    if (oldest !== undefined) views.delete(oldest);
    views.set(key, { namespaces: new Set(spread.map(({ namespace }) => namespace)), view });
    return view;
  };
}

/** Most selectors require values of labels: of the pods that one of these conditions leaves, the fewest. */
function candidatesFor(
  selector: SpreadConstraint["selector"],
  { all, withLabel }: NamespacePods,
): readonly CountedPod[] {
  if (selector === undefined) return [];
  const required = selector.filter(({ operator }) => operator === "In");
  return required
    .map(({ key, values }) => values.flatMap((value) => withLabel(key, value)))
    .reduce((fewest, found) => (found.length < fewest.length ? found : fewest), all);
}

/** Looks for a label in all pods the first time that it is asked for. */
function createNamespacePods(all: readonly CountedPod[]): NamespacePods {
  const byLabel = new Map<string, ReadonlyMap<string | undefined, readonly CountedPod[]>>();
  const valuesOf = (key: string): ReadonlyMap<string | undefined, readonly CountedPod[]> =>
    Map.groupBy(all, ({ labels }) => (Object.hasOwn(labels, key) ? labels[key] : undefined));
  return {
    all,
    withLabel: (key, value) => {
      const known = byLabel.get(key) ?? valuesOf(key);
      byLabel.set(key, known);
      return known.get(value) ?? [];
    },
  };
}

function shown(pod: ClusterPod | undefined): string {
  return pod === undefined ? "" : `${pod.nodeName} ${pod.isTerminating}`;
}

function isSameForPods(left: CachedNode, right: CachedNode): boolean {
  return JSON.stringify([left.labels, left.taints]) === JSON.stringify([right.labels, right.taints]);
}

function nodeForPods({ metadata, labels, taints }: CachedNode): NodeForPods {
  return { nodeName: metadata.name, labels, taints };
}

function countedPod({ metadata, labels, nodeName, isTerminating }: ClusterPod): CountedPod {
  const { namespace, name } = metadata;
  return { namespace, name, labels, nodeName, isTerminating };
}
