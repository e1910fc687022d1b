/**
 * What controllers remember of nodes whose report alone started a sweep of all records: when, in
 * milliseconds since 1970, by node name.
 */
export type LoneReports = Readonly<Record<string, number>>;

/**
 * How long the next such report of the same node waits for a second witness, in milliseconds. An honest
 * node that is alone stands still for as long, and a sweep costs about what recovery does, which runs as
 * often.
 */
export const LONE_REPORT_EVERY_MS = 600_000;

/**
 * For how long after a lone report another one of the same node is a repeat, in milliseconds: until one
 * limit after it is believed again.
 */
const REPEAT_MS = 2 * LONE_REPORT_EVERY_MS;

/**
 * Nodes that are remembered at most. Where that many have each reported alone within the time, the next one
 * waits.
 */
const LONE_REPORTS_MAX = 64;

/** What nodes' reports that the store went back are to lead to. */
export type ReportVerdict =
  | { readonly kind: "none" }
  /** All records are swept. `alone`: the one node that says so, which is to be remembered. */
  | { readonly kind: "rebuild"; readonly alone: string | undefined }
  | { readonly kind: "limited"; readonly nodeName: string; readonly leftMs: number };

/**
 * Judges who says that the store went back since its present generation. Two nodes are believed; one is
 * believed at once the first time, since it may be the only one that beat after the backup, and then no
 * more than once in a while: its token would start one sweep after another.
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

/**
 * With the report of a node, without those that count no more, nor say of a next one whether it is a
 * repeat.
 */
export function withLoneReport(lone: LoneReports, nodeName: string, nowMs: number): LoneReports {
  return { ...within(lone, nowMs, REPEAT_MS), [nodeName]: nowMs };
}

/**
 * Whether the report of a node that starts a sweep now is a repeat: its last one did so, and it has
 * reported again as soon as it was believed once more. Such a node has held up its volumes while its report
 * was limited, and holds up none until the next limit has passed.
 */
export function isRepeat(lone: LoneReports, nodeName: string, nowMs: number): boolean {
  return within(lone, nowMs, REPEAT_MS)[nodeName] !== undefined;
}

/**
 * Whether a repeat still keeps a node from holding up volumes. `repeats`: when each node's last repeat was.
 */
export function hasRepeated(repeats: LoneReports, nodeName: string, nowMs: number): boolean {
  return recentOnly(repeats, nowMs)[nodeName] !== undefined;
}

/** A time to come was written by another clock: it would never pass. */
function recentOnly(lone: LoneReports, nowMs: number): LoneReports {
  return within(lone, nowMs, LONE_REPORT_EVERY_MS);
}

function within(lone: LoneReports, nowMs: number, limitMs: number): LoneReports {
  return Object.fromEntries(
    Object.entries(lone).filter(([, atMs]) => atMs <= nowMs && nowMs - atMs < limitMs),
  );
}
