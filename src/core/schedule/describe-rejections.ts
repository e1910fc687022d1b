import type { Rejection } from "./choose-replica-nodes.ts";

/** How much an event says: it has 1,024 characters, and a cluster thousands of nodes. */
const NAMES_MAX = 3;
const REASONS_MAX = 6;

/**
 * Why nodes were rejected, the most frequent reason first: `14 nodes (node-c, node-d, node-e, …): is
 * unschedulable; node-b: its heartbeat is stale`.
 */
export function describeRejections(rejected: readonly Rejection[]): string {
  const byReason = [...Map.groupBy(rejected, ({ because }) => because)].toSorted(
    ([left, these], [right, those]) => those.length - these.length || (left < right ? -1 : 1),
  );
  const described = byReason
    .slice(0, REASONS_MAX)
    .map(([because, rejections]) => `${describeNodes(rejections)} ${because}`);
  const omitted = byReason.slice(REASONS_MAX).reduce((count, [, rejections]) => count + rejections.length, 0);
  return [...described, ...(omitted === 0 ? [] : [`${omitted} more for other reasons`])].join("; ");
}

function describeNodes(rejections: readonly Rejection[]): string {
  const names = rejections.map(({ nodeName }) => nodeName).toSorted();
  if (names.length <= NAMES_MAX) return `${names.join(", ")}:`;
  return `${names.length} nodes (${names.slice(0, NAMES_MAX).join(", ")}, …):`;
}
