/**
 * Nodes whose report alone started a rebuild of all records: when, in milliseconds since 1970, by node
 * name. Kept by the controllers.
 */
export type LoneReports = Readonly<Record<string, number>>;

/**
 * How long the next such report of the same node waits for a second witness, in milliseconds. An honest
 * node that is alone waits that long too. A rebuild costs about as much as recovery, which runs as often.
 */
export const LONE_REPORT_EVERY_MS = 600_000;

/**
 * How long after a lone report another one of the same node counts as a repeat, in milliseconds: until
 * one limit after it is believed again.
 */
const REPEAT_MS = 2 * LONE_REPORT_EVERY_MS;

/** The most nodes that are remembered. With that many lone reports within the time, the next one waits. */
const LONE_REPORTS_MAX = 64;

export type ReportVerdict =
  | { readonly kind: "none" }
  /** All records are rebuilt. `alone`: the only node that reports, which is to be remembered. */
  | { readonly kind: "rebuild"; readonly alone: string | undefined }
  | { readonly kind: "limited"; readonly nodeName: string; readonly leftMs: number };

/**
 * Judges nodes' rollback reports since the present incarnation. Two nodes are believed. One is believed
 * at once the first time, since it may be the only one with a heartbeat after the backup; then only once
 * in a while, or its token could start one rebuild after another.
 */
export function judgeReports(reporters: readonly string[], lone: LoneReports, nowMs: number): ReportVerdict {
  const [first, ...others] = reporters;
  if (first === undefined) return { kind: "none" };
  if (others.length > 0) return { kind: "rebuild", alone: undefined };
  const recent = recentOnly(lone, nowMs);
  const lastMs =
    recent[first] ??
    (Object.keys(recent).length < LONE_REPORTS_MAX ? undefined : Math.min(...Object.values(recent)));
  if (lastMs === undefined) return { kind: "rebuild", alone: first };
  return { kind: "limited", nodeName: first, leftMs: LONE_REPORT_EVERY_MS - (nowMs - lastMs) };
}

/** With the report of a node, without those too old to count or to reveal a repeat. */
export function withLoneReport(lone: LoneReports, nodeName: string, nowMs: number): LoneReports {
  return { ...within(lone, nowMs, REPEAT_MS), [nodeName]: nowMs };
}

/**
 * Whether a node's report that starts a rebuild is a repeat: its last one did so too, and it reports as
 * soon as it is believed again. While its report was limited, the node held up its volumes; after a
 * repeat it holds up none until the next limit has passed.
 */
export function isRepeat(lone: LoneReports, nodeName: string, nowMs: number): boolean {
  return within(lone, nowMs, REPEAT_MS)[nodeName] !== undefined;
}

/** Whether a repeat still keeps a node from holding up volumes. `repeats`: each node's last time. */
export function hasRepeated(repeats: LoneReports, nodeName: string, nowMs: number): boolean {
  return recentOnly(repeats, nowMs)[nodeName] !== undefined;
}

/** A time in the future was written by another clock: it would never pass. */
function recentOnly(lone: LoneReports, nowMs: number): LoneReports {
  return within(lone, nowMs, LONE_REPORT_EVERY_MS);
}

function within(lone: LoneReports, nowMs: number, limitMs: number): LoneReports {
  return Object.fromEntries(
    Object.entries(lone).filter(([, atMs]) => atMs <= nowMs && nowMs - atMs < limitMs),
  );
}
