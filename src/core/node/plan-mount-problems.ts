import type { MountProblem } from "../api/az-volume-attachment.ts";
import { lastingMountProblems, mountProblemDetail } from "../events/mount-problem-message.ts";
import { sameJson } from "../primitives/same-json.ts";
import { parseTimestamp, toTimestamp } from "../primitives/timestamp.ts";

const REPAIR = "FileSystemRepaired";
const LOSS = "WritesLost";
/** In the order in which they are stated. */
const REASONS = [REPAIR, ...lastingMountProblems] as const;

/** What is wrong with a mount, as a look or a check has found it. */
export type FoundProblem = Pick<MountProblem, "reason" | "detail">;

export interface Repair {
  readonly detail: string;
  /** A timestamp. */
  readonly at: string;
}

/** What a node plug-in knows of the present mount of a volume. */
export interface KnownMount {
  /** The epoch under which it was mounted; 0: the volume has no record. */
  readonly epoch: number;
  /** When this process began it; undefined: an earlier one did. What was stated before is of no concern. */
  readonly begunAt?: string | undefined;
  /** The repair by a check before the mount; undefined: none that this process knows of. */
  readonly repaired?: Repair | undefined;
  /** What the last looks found, at any of its paths. */
  readonly found: readonly FoundProblem[];
  /** Whether that is all: this process has looked at each path. What a file system has, another may show. */
  readonly isComplete: boolean;
}

/**
 * The mount problems that a node is to state, each reason once; undefined if it has stated just these.
 * `mount`: undefined where it has none, which ends them all. What is stated of the present mount keeps its
 * time and its text: a further error of one kind, or at another path, is no news, and each would be a write.
 * A repair stays for as long as the mount. Lost writes (`withLostWrites`) stay beyond it: the leader may not
 * have shown them yet. What no look has confirmed or refuted yet stays, too: a plug-in that has just started
 * does not know it.
 */
export function planMountProblems(
  stated: readonly MountProblem[] | undefined,
  mount: KnownMount | undefined,
  nowMs: number,
): readonly MountProblem[] | undefined {
  const present = stated ?? [];
  const lost = present.filter(({ reason }) => reason === LOSS);
  const next = [...(mount === undefined ? [] : problemsOf(present, mount, nowMs)), ...lost];
  return sameJson(next, present) ? undefined : next;
}

/** Whether that loss is stated of a mount that was begun then. `begunAt`: as of `KnownMount`. */
export function isLossStated(
  stated: readonly MountProblem[] | undefined,
  { epoch, detail }: Pick<MountProblem, "epoch" | "detail">,
  begunAt = "",
): boolean {
  const text = mountProblemDetail(detail);
  return (stated ?? []).some(
    (problem) =>
      problem.reason === LOSS &&
      problem.epoch === epoch &&
      problem.detail === text &&
      problem.since > begunAt,
  );
}

/**
 * The same with the writes that were lost last, under that epoch. Later ones replace earlier ones. `begunAt`:
 * as of `KnownMount`.
 */
export function withLostWrites(
  stated: readonly MountProblem[] | undefined,
  { epoch, detail }: Pick<MountProblem, "epoch" | "detail">,
  nowMs: number,
  begunAt = "",
): readonly MountProblem[] {
  const others = (stated ?? []).filter(({ reason }) => reason !== LOSS);
  const last = (stated ?? []).find(({ reason }) => reason === LOSS);
  const since = nowAfter(nowMs, last?.since ?? "", begunAt);
  return [...others, { reason: LOSS, epoch, since, detail: mountProblemDetail(detail) }];
}

function problemsOf(
  stated: readonly MountProblem[],
  { epoch, begunAt = "", repaired, found, isComplete }: KnownMount,
  nowMs: number,
): readonly MountProblem[] {
  // Under one grant a node that was rebooted may repair the file system again, and mounts it only then.
  const notBefore = repaired?.at ?? begunAt;
  return REASONS.flatMap((reason) => {
    const present = stated.find(
      (problem) => problem.reason === reason && problem.epoch === epoch && problem.since > notBefore,
    );
    const detail =
      reason === REPAIR ? repaired?.detail : found.find((problem) => problem.reason === reason)?.detail;
    if (detail === undefined)
      return present !== undefined && (reason === REPAIR || !isComplete) ? present : [];
    return (
      present ?? { reason, epoch, since: nowAfter(nowMs, notBefore), detail: mountProblemDetail(detail) }
    );
  });
}

/** Now, and after those times, whatever has become of the clock since. Empty: no time. */
function nowAfter(nowMs: number, ...times: readonly string[]): string {
  return toTimestamp(Math.max(nowMs, ...times.map((time) => (parseTimestamp(time) ?? -Infinity) + 1)));
}
