import { isRestore } from "./draw-faults.ts";
import type { ClusterScenario, TimedAct, TimedFault } from "./scenario.ts";

/**
 * What users do and what strikes in a cluster, in the order of time. A backup brings back what was deleted
 * since, and nobody tells the driver: whoever restores one deletes those objects by hand, so where one is
 * restored nothing is deleted.
 */
export function inTime(
  acts: readonly TimedAct[],
  faults: readonly TimedFault[],
): Pick<ClusterScenario, "acts" | "faults"> {
  const isRestored = faults.some(isRestore);
  return {
    acts: byTime(acts.filter(({ act }) => !isRestored || (act.kind !== "delete" && act.kind !== "apply"))),
    faults: byTime(faults.filter(({ variant }) => !isRestored || variant !== "short-life")),
  };
}

function byTime<T extends { readonly atMs: number }>(timed: readonly T[]): readonly T[] {
  return timed.toSorted((left, right) => left.atMs - right.atMs);
}
