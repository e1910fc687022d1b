import { matchesLabels } from "./matches-labels.ts";
import type { NodeForPods, NodeSelectorTerm, PodRules, Requirement } from "./pod-rules.ts";

type NamedNode = Pick<NodeForPods, "nodeName" | "labels">;

export function meetsNodeAffinity(
  { nodeSelector, nodeAffinity }: Pick<PodRules, "nodeSelector" | "nodeAffinity">,
  node: NamedNode,
): boolean {
  return (
    missingLabel(nodeSelector, node) === undefined &&
    (nodeAffinity === undefined || matchesAnyTerm(nodeAffinity, node))
  );
}

/** The first label of a node selector that a node lacks, as `<key>=<value>`; undefined: it has all. */
export function missingLabel(
  nodeSelector: PodRules["nodeSelector"],
  { labels }: Pick<NodeForPods, "labels">,
): string | undefined {
  const missing = Object.entries(nodeSelector).find(([key, value]) => labels[key] !== value);
  return missing === undefined ? undefined : `${missing[0]}=${missing[1]}`;
}

/** Whether one of the alternatives matches a node; without any alternative none does. */
export function matchesAnyTerm(terms: readonly NodeSelectorTerm[], node: NamedNode): boolean {
  return terms.some((term) => matchesTerm(term, node));
}

/**
 * Whether a PersistentVolume can be used on a node. Kubernetes compares its affinity with the node's labels
 * alone, so that a condition on the node's name sees a node without a name (`CheckNodeAffinity` of its
 * component-helpers).
 */
export function admitsNode(terms: readonly NodeSelectorTerm[], node: Pick<NodeForPods, "labels">): boolean {
  return matchesAnyTerm(terms, { nodeName: "", labels: node.labels });
}

/**
 * An alternative without any condition matches no node, as
 * https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#node-affinity has it.
 */
function matchesTerm(term: NodeSelectorTerm, node: NamedNode): boolean {
  if (term.matchExpressions.length === 0 && term.matchFields.length === 0) return false;
  return (
    matchesLabels(node.labels, term.matchExpressions) &&
    term.matchFields.every((field) => matchesField(node, field))
  );
}

function matchesField(node: NamedNode, { key, operator, values }: Requirement): boolean {
  if (key !== "metadata.name" || values.length !== 1) return false;
  if (operator === "In") return values[0] === node.nodeName;
  return operator === "NotIn" && values[0] !== node.nodeName;
}
