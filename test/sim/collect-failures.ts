import type { FaultName } from "../../sim/faults/fault-names.ts";
import { describeSeedFailure } from "../../sim/run/describe-failure.ts";
import type { SeedResult } from "../../sim/run/run-seed.ts";
import { runSeeds } from "../../sim/run/run-seeds.ts";

/** Failures that are told in full. */
const TOLD_MAX = 3;

/** What came of some seeds. */
export interface SeedsOutcome {
  readonly seeds: number;
  readonly failovers: number;
  readonly failed: readonly number[];
  /** The first failures, for people. */
  readonly told: string;
}

/** Runs seeds over all cores. */
export async function collectFailures(seeds: Iterable<number>, faults?: readonly FaultName[]): Promise<SeedsOutcome> {
  const failed: SeedResult[] = [];
  let count = 0;
  let failovers = 0;
  await runSeeds({
    seeds,
    faults,
    onResult: (result) => {
      count += 1;
      failovers += result.failovers;
      if (result.violations.length > 0) failed.push(result);
      return true;
    },
  });
  const chosen = faults === undefined ? "" : ` --faults ${faults.join(",")}`;
  return {
    seeds: count,
    failovers,
    failed: failed.map(({ seed }) => seed),
    told: failed
      .slice(0, TOLD_MAX)
      .map((result) => describeSeedFailure(result, `npm run sim -- --seed ${result.seed}${chosen}`))
      .join("\n\n"),
  };
}
