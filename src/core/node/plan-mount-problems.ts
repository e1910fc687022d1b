import type { MountProblem } from "../api/az-volume-attachment.ts";
import { mountProblemDetail } from "../events/mount-problem-message.ts";
import { sameJson } from "../primitives/same-json.ts";
import { toTimestamp } from "../primitives/timestamp.ts";

/** What is wrong with a mount, as a look or a check has found it. */
export type FoundProblem = Pick<MountProblem, "reason" | "detail">;

/** What a node plug-in knows of the present mount of a volume. */
export interface KnownMount {
  /** The epoch under which it was mounted; 0: the volume has no record. */
  readonly epoch: number;
  /** What the check before the mount repaired; undefined: nothing that this process knows of. */
  readonly repaired?: string | undefined;
  /** What the last look found; undefined: this process has not looked yet. */
  readonly found?: readonly FoundProblem[] | undefined;
}

/**
 * The mount problems that a node is to state; undefined if it has stated just these. `mount`: undefined where
 * it has none, which ends them all. What is stated of the present mount keeps its time and its text: a
 * further error of one kind is no news, and each would be a write. A repair stays for as long as the mount.
 * What no look has confirmed or refuted yet stays, too: a plug-in that has just started does not know it.
 */
export function planMountProblems(
  stated: readonly MountProblem[] | undefined,
  mount: KnownMount | undefined,
  nowMs: number,
): readonly MountProblem[] | undefined {
  const present = stated ?? [];
  const next = mount === undefined ? [] : problemsOf(present, mount, nowMs);
  return sameJson(next, present) ? undefined : next;
}

function problemsOf(
  stated: readonly MountProblem[],
  { epoch, repaired, found }: KnownMount,
  nowMs: number,
): readonly MountProblem[] {
  const ofMount = stated.filter((problem) => problem.epoch === epoch);
  const isRepair = ({ reason }: FoundProblem): boolean => reason === "FileSystemRepaired";
  const reported: readonly FoundProblem[] = [
    ...(repaired === undefined
      ? ofMount.filter(isRepair)
      : [{ reason: "FileSystemRepaired", detail: repaired } as const]),
    ...(found ?? ofMount.filter((problem) => !isRepair(problem))),
  ];
  return reported.map(
    ({ reason, detail }) =>
      ofMount.find((problem) => problem.reason === reason) ?? {
        reason,
        epoch,
        since: toTimestamp(nowMs),
        detail: mountProblemDetail(detail),
      },
  );
}
