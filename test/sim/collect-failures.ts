import type { FaultName } from "../../sim/faults/fault-names.ts";
import { describeSeedFailure } from "../../sim/run/describe-failure.ts";
import type { SeedResult } from "../../sim/run/run-seed.ts";
import { runSeeds } from "../../sim/run/run-seeds.ts";
import { stormNamed } from "../../sim/scenario/storm-named.ts";

/** How many failures are reported in full. */
const TOLD_MAX = 3;

/** The outcome of some seeds. */
export interface SeedsOutcome {
  readonly seeds: number;
  readonly failovers: number;
  /** The fewest failovers of a seed without a failure; infinity if every seed failed. */
  readonly fewestFailovers: number;
  readonly failed: readonly number[];
  /** The first failures, for people. */
  readonly told: string;
}

/**
 * Runs seeds on all cores; if given, only with certain classes of faults, or in a storm of `stormNamed`.
 */
export async function collectFailures(
  seeds: Iterable<number>,
  {
    faults,
    storm,
  }: { readonly faults?: readonly FaultName[] | undefined; readonly storm?: string | undefined } = {},
): Promise<SeedsOutcome> {
  const failed: SeedResult[] = [];
  let count = 0;
  let failovers = 0;
  let fewestFailovers = Number.POSITIVE_INFINITY;
  await runSeeds({
    seeds,
    faults,
    storm: storm === undefined ? undefined : stormNamed(storm),
    onResult: (result) => {
      count += 1;
      failovers += result.failovers;
      if (result.violations.length > 0) failed.push(result);
      else fewestFailovers = Math.min(fewestFailovers, result.failovers);
      return true;
    },
  });
  const chosen = `${faults === undefined ? "" : ` --faults ${faults.join(",")}`}${storm === undefined ? "" : ` --storm ${storm}`}`;
  return {
    seeds: count,
    failovers,
    fewestFailovers,
    failed: failed.map(({ seed }) => seed),
    told: failed
      .slice(0, TOLD_MAX)
      .map((result) => describeSeedFailure(result, `npm run sim -- --seed ${result.seed}${chosen}`))
      .join("\n\n"),
  };
}
