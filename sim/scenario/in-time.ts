import { isRestore } from "./draw-faults.ts";
import type { ClusterScenario, TimedAct, TimedFault } from "./scenario.ts";

/**
 * What users do and what strikes in a cluster, in the order of time. A backup brings back objects that
 * were deleted since, without notifying the driver: an operator who restores one deletes those by hand, so
 * a storm with a restore deletes nothing.
 */
export function inTime(
  acts: readonly TimedAct[],
  faults: readonly TimedFault[],
): Pick<ClusterScenario, "acts" | "faults"> {
  const isRestored = faults.some(isRestore);
  const changes = ["delete", "apply", "restore", "clone"];
  return {
    acts: byTime(acts.filter(({ act }) => !isRestored || !changes.includes(act.kind))),
    faults: byTime(faults.filter(({ variant }) => !isRestored || variant !== "short-life")),
  };
}

function byTime<T extends { readonly atMs: number }>(timed: readonly T[]): readonly T[] {
  return timed.toSorted((left, right) => left.atMs - right.atMs);
}
