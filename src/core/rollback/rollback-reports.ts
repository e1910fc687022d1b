import type { AzDriverNode, NodeStatus } from "../api/az-driver-node.ts";
import { type Lease, storeIncarnationOf } from "../api/lease.ts";
import { isRecord } from "../primitives/is-record.ts";
import { parseJson } from "../primitives/parse-json.ts";
import {
  isRepeat,
  judgeReports,
  type LoneReports,
  type ReportVerdict,
  withLoneReport,
} from "./judge-reports.ts";

/**
 * The condition of an AzDriverNode that reports a rollback: the store shows an older state than this node
 * remembers. Its reason names the incarnation.
 */
export const STORE_ROLLED_BACK = "StoreRolledBack";

/** Of the controllers' Lease: whose report alone started a rebuild of all records, and when, as JSON. */
export const LONE_REPORTS_ANNOTATION = "disk.csi.azure.com/lone-reports";

/** Of the controllers' Lease: which of these reports were repeats, and when, as JSON. */
export const LONE_REPEATS_ANNOTATION = "disk.csi.azure.com/lone-report-repeats";

/** The condition by which a node reports a rollback. */
type RollbackReport = NodeStatus["conditions"][number];

/** The reason that accompanies `StoreRolledBack`. */
export function rolledBackReason(incarnation: number): string {
  return `Incarnation${incarnation}`;
}

/** A node's report of a rollback since an incarnation began; undefined without one. */
export function reportOf({ status }: AzDriverNode, incarnation: number): RollbackReport | undefined {
  return status?.conditions.find(
    (condition) =>
      condition.type === STORE_ROLLED_BACK &&
      condition.status === "True" &&
      condition.reason === rolledBackReason(incarnation),
  );
}

/**
 * Names of the nodes whose report starts a rebuild, with what to remember of it; or the node that waits
 * for a second witness.
 */
export function judgeStandingReports(
  nodes: readonly AzDriverNode[],
  lease: Lease,
  nowMs: number,
): ReportVerdict {
  const incarnation = storeIncarnationOf(lease);
  const reporters = nodes
    .filter((node) => reportOf(node, incarnation) !== undefined)
    .map(({ metadata }) => metadata.name);
  return judgeReports(reporters, loneReportsOf(lease, LONE_REPORTS_ANNOTATION), nowMs);
}

/** The Lease's content once a rebuild is marked for the report of one node alone. */
export function rememberedReport(
  lease: Lease,
  nodeName: string,
  nowMs: number,
): Readonly<Record<string, string>> {
  const lone = loneReportsOf(lease, LONE_REPORTS_ANNOTATION);
  const repeats = loneReportsOf(lease, LONE_REPEATS_ANNOTATION);
  return {
    [LONE_REPORTS_ANNOTATION]: JSON.stringify(withLoneReport(lone, nodeName, nowMs)),
    ...(isRepeat(lone, nodeName, nowMs)
      ? { [LONE_REPEATS_ANNOTATION]: JSON.stringify(withLoneReport(repeats, nodeName, nowMs)) }
      : {}),
  };
}

/** The reports or repeats of single nodes in a Lease. */
export function loneReportsOf(lease: Lease, annotation: string): LoneReports {
  // Only controllers write it; an edit by hand only loses the limit.
  const value = parseJson(lease.metadata.annotations?.[annotation] ?? "");
  if (!isRecord(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, number] => typeof entry[1] === "number"),
  );
}
