import { isRestore } from "./draw-faults.ts";
import type { ClusterScenario, TimedAct, TimedFault } from "./scenario.ts";

/**
 * Faults that any storm may draw, and that create and delete a volume. In a storm with a restore, another
 * one of their class strikes instead.
 */
const withoutDeletion: Readonly<Record<string, string>> = {
  "short-life": "restarted-while-moving",
  "foreign-content": "links-lag",
};
const changes: readonly string[] = ["delete", "apply", "restore", "clone"];

/**
 * What users do and what strikes in a cluster, in the order of time. A backup brings back objects that
 * were deleted since, without notifying the driver: an operator who restores one deletes those by hand, so
 * a storm with a restore deletes nothing.
 */
export function inTime(
  acts: readonly TimedAct[],
  faults: readonly TimedFault[],
): Pick<ClusterScenario, "acts" | "faults"> {
  if (!faults.some(isRestore)) return { acts: byTime(acts), faults: byTime(faults) };
  return {
    acts: byTime(acts.filter(({ act }) => !changes.includes(act.kind))),
    faults: byTime(
      faults.map((fault) => ({ ...fault, variant: withoutDeletion[fault.variant] ?? fault.variant })),
    ),
  };
}

function byTime<T extends { readonly atMs: number }>(timed: readonly T[]): readonly T[] {
  return timed.toSorted((left, right) => left.atMs - right.atMs);
}
