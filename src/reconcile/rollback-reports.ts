import type { AzDriverNode } from "../core/model/az-driver-node.ts";
import { annotatedNumber, type Lease, STORE_GENERATION_ANNOTATION } from "../core/model/lease.ts";
import { judgeReports, type LoneReports, type ReportVerdict, withLoneReport } from "../core/plan/judge-reports.ts";
import type { ObjectCache } from "./object-cache.ts";

/** The condition of an AzDriverNode that says: the store shows an older state than this node remembers. Its reason names the generation. */
export const STORE_WENT_BACK = "StoreWentBack";

/** Of the controllers' Lease: which nodes' report alone started a sweep of all records, and when, as JSON. */
export const LONE_REPORTS_ANNOTATION = "disk.csi.azure.com/lone-reports";

/** The reason that goes with `StoreWentBack`. */
export function wentBackReason(generation: number): string {
  return `Generation${generation}`;
}

/** Whether a node says that the store went back since a generation began. */
export function hasReported({ status }: AzDriverNode, generation: number): boolean {
  const condition = status?.conditions.find(({ type }) => type === STORE_WENT_BACK);
  return condition?.status === "True" && condition.reason === wentBackReason(generation);
}

/** Names of the nodes whose report starts a sweep, and what the sweep has to remember of it; or the one that waits for a second witness. */
export function judgeStandingReports(nodes: readonly AzDriverNode[], lease: Lease, nowMs: number): ReportVerdict {
  const generation = annotatedNumber(lease, STORE_GENERATION_ANNOTATION);
  const reporters = nodes.filter((node) => hasReported(node, generation)).map(({ metadata }) => metadata.name);
  return judgeReports(reporters, loneReportsOf(lease), nowMs);
}

/** What the Lease says once a sweep is marked for the report of one node alone. */
export function rememberedReport(lease: Lease, nodeName: string, nowMs: number): Readonly<Record<string, string>> {
  return { [LONE_REPORTS_ANNOTATION]: JSON.stringify(withLoneReport(loneReportsOf(lease), nodeName, nowMs)) };
}

/**
 * The node that has a volume attached and noted, and says that the store went back, while its report waits for a second witness: it may write without the record knowing. Nothing is
 * granted or detached there until then. Only by attachments that are there: a node can hold up no volume that it never had.
 */
export function doubtingNode(cache: Pick<ObjectCache, "byIndex">, volumeName: string, generation: number): string | undefined {
  const attached = new Set(cache.byIndex("AzVolumeAttachment", "volumeName", volumeName).map(({ spec }) => spec.nodeName));
  const noting = cache.byIndex("AzDriverNode", "noted", volumeName);
  return noting.find((node) => attached.has(node.metadata.name) && hasReported(node, generation))?.metadata.name;
}

function loneReportsOf(lease: Lease): LoneReports {
  const text = lease.metadata.annotations?.[LONE_REPORTS_ANNOTATION];
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value).filter((entry) => typeof entry[1] === "number")) : {};
  } catch {
    // Only controllers write it; an edit by hand loses the limit, and nothing else.
    return {};
  }
}
