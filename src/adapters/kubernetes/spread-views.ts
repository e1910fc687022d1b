import {
  type CountedPod,
  type NodeForPods,
  nothingSpread,
  type PodRules,
  type SpreadView,
} from "../../core/schedule/pod-rules.ts";
import { countsPod } from "../../core/schedule/topology-spread.ts";
import type { SourceCache } from "../../ports/store/source-cache.ts";
import type { CachedNode } from "./core/core-node.ts";
import type { ClusterPod } from "./core/core-pod.ts";
import type { NodeIndex, PodIndex } from "./core/core-sources.ts";

/** The most views that are kept at a time: one for all pods of a namespace with equal constraints. */
const VIEWS_MAX = 1_000;

/**
 * What the spread constraints of pods are about. The view of equal constraints is the same object until a pod
 * or a node changes in what it shows.
 */
export function createSpreadViews(caches: {
  readonly pods: Pick<SourceCache<ClusterPod, PodIndex>, "byIndex" | "onChange">;
  readonly nodes: Pick<SourceCache<CachedNode, NodeIndex>, "list" | "onChange">;
}): (users: readonly Pick<PodRules, "namespace" | "spread">[]) => SpreadView {
  const { pods, nodes } = caches;
  const views = new Map<string, SpreadView>();
  let allNodes: readonly NodeForPods[] | undefined;
  pods.onChange(({ previous, current }) => {
    if (shown(previous) !== shown(current) || previous?.labels !== current?.labels) views.clear();
  });
  nodes.onChange(({ previous, current }) => {
    if (previous !== undefined && current !== undefined && isSameForPods(previous, current)) return;
    views.clear();
    allNodes = undefined;
  });
  return (users) => {
    const spread = users.filter((user) => user.spread.length > 0);
    if (spread.length === 0) return nothingSpread;
    const key = JSON.stringify(spread.map((user) => [user.namespace, user.spread]));
    const known = views.get(key);
    if (known !== undefined) return known;
    const namespaces = new Set(spread.map(({ namespace }) => namespace));
    allNodes ??= nodes.list().map(nodeForPods);
    const view: SpreadView = {
      nodes: allNodes,
      pods: [...namespaces]
        .flatMap((namespace) => pods.byIndex("namespace", namespace))
        .map(countedPod)
        .filter((pod) => spread.some((user) => countsPod(user, pod))),
    };
    if (views.size >= VIEWS_MAX) views.clear();
    views.set(key, view);
    return view;
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
