/**
 * The phases of a pod's move, in order. With `attach: driver` there are no unpublish, publish and status
 * tick.
 */
export const PHASES = [
  "kubeletUnmount",
  "unpublish",
  "schedule",
  "publish",
  "statusTick",
  "kubeletMount",
  "stage",
  "containerStart",
] as const;

export type Phase = (typeof PHASES)[number];

/** A CSI call that a plug-in has answered, on the clock of this machine in milliseconds. */
export interface DriverCall {
  /** Such as `NodeStageVolume`. */
  readonly method: string;
  /** The gRPC code of its answer, such as `OK`. */
  readonly code: string;
  /** The node that it was about. */
  readonly nodeName: string;
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * When each event of one move happened, on this machine's clock in milliseconds. Events that did not happen
 * are undefined.
 */
export interface MoveTimes {
  readonly from: string;
  readonly to: string;
  readonly deletedMs: number;
  /** The old node's status no longer names the volume: the next tick after the unmount. */
  readonly oldStatusMs: number | undefined;
  readonly oldAttachmentGoneMs: number | undefined;
  readonly scheduledMs: number;
  readonly newAttachedMs: number | undefined;
  /** The new node's status names the volume: the next tick after the pod got there. */
  readonly newStatusMs: number | undefined;
  readonly runningMs: number;
  readonly calls: readonly DriverCall[];
}

/** One move in figures, in milliseconds. */
export interface MoveFigures {
  readonly totalMs: number;
  /** The time during which at least one of the driver's calls was in flight. */
  readonly driverShareMs: number;
  /** They add up to `totalMs`. */
  readonly phases: Readonly<Record<Phase, number>>;
  /** By method; repeated calls are added up. */
  readonly callsMs: Readonly<Record<string, number>>;
}

/**
 * Splits a move by what it waited for. A phase begins where everything before it has ended, so work beside
 * something slower takes no time.
 */
export function measureMove(times: MoveTimes): MoveFigures {
  const { calls, from, to, deletedMs, runningMs } = times;
  const ended = (method: string, nodeName: string): number | undefined =>
    last(calls.filter((call) => call.method === method && call.nodeName === nodeName));
  const staging = calls
    .filter((call) => call.method === "NodeStageVolume" && call.nodeName === to)
    .map(({ startMs }) => startMs);
  const milestones: readonly (readonly [Phase, number | undefined])[] = [
    [
      "kubeletUnmount",
      earlier(ended("NodeUnstageVolume", from), staging.length === 0 ? undefined : Math.min(...staging)),
    ],
    ["statusTick", times.oldStatusMs],
    ["unpublish", times.oldAttachmentGoneMs],
    ["schedule", times.scheduledMs],
    ["publish", times.newAttachedMs],
    ["statusTick", times.newStatusMs],
    ["kubeletMount", staging.length === 0 ? undefined : Math.min(...staging)],
    ["stage", ended("NodePublishVolume", to)],
    ["containerStart", runningMs],
  ];
  const phases = Object.fromEntries(PHASES.map((phase) => [phase, 0])) as Record<Phase, number>;
  let reachedMs = deletedMs;
  for (const [phase, atMs] of milestones) {
    const untilMs = Math.min(atMs ?? reachedMs, runningMs);
    phases[phase] += Math.max(0, untilMs - reachedMs);
    reachedMs = Math.max(reachedMs, untilMs);
  }
  return {
    totalMs: runningMs - deletedMs,
    driverShareMs: coveredMs(calls, deletedMs, runningMs),
    phases,
    callsMs: sumByMethod(calls),
  };
}

function last(calls: readonly DriverCall[]): number | undefined {
  return calls.length === 0 ? undefined : Math.max(...calls.map(({ endMs }) => endMs));
}

/** If the new node is called while the old one still unmounts, that wait belongs to the driver's stage. */
function earlier(left: number | undefined, right: number | undefined): number | undefined {
  return left === undefined || right === undefined ? left : Math.min(left, right);
}

/** How much of a span the calls cover; overlapping calls count once. */
function coveredMs(calls: readonly DriverCall[], fromMs: number, toMs: number): number {
  let covered = 0;
  let reachedMs = fromMs;
  for (const { startMs, endMs } of calls.toSorted((left, right) => left.startMs - right.startMs)) {
    const beginMs = Math.max(startMs, reachedMs);
    const stopMs = Math.min(endMs, toMs);
    covered += Math.max(0, stopMs - beginMs);
    reachedMs = Math.max(reachedMs, stopMs);
  }
  return covered;
}

function sumByMethod(calls: readonly DriverCall[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { method, startMs, endMs } of calls) sums[method] = (sums[method] ?? 0) + endMs - startMs;
  return sums;
}
