import type { FaultName } from "../../sim/faults/fault-names.ts";
import { describeSeedFailure } from "../../sim/run/describe-failure.ts";
import type { SeedResult } from "../../sim/run/run-seed.ts";
import { runSeeds } from "../../sim/run/run-seeds.ts";
import { stormNamed } from "../../sim/scenario/storm/storm-named.ts";

/** How many failures are reported in full. */
const TOLD_MAX = 3;

/** What the flags of `npm run sim` choose. */
interface SeedChoice {
  readonly faults?: readonly FaultName[] | undefined;
  readonly storm?: string | undefined;
}

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

/** Runs seeds on all cores; if given, in a storm of `stormNamed`. */
export async function collectFailures(
  seeds: Iterable<number>,
  { storm }: Pick<SeedChoice, "storm"> = {},
): Promise<SeedsOutcome> {
  const failed: SeedResult[] = [];
  let count = 0;
  let failovers = 0;
  let fewestFailovers = Number.POSITIVE_INFINITY;
  await runSeeds({
    seeds,
    storm: storm === undefined ? undefined : stormNamed(storm),
    onResult: (result) => {
      count += 1;
      failovers += result.failovers;
      if (result.violations.length > 0) failed.push(result);
      else fewestFailovers = Math.min(fewestFailovers, result.failovers);
      return true;
    },
  });
  return {
    seeds: count,
    failovers,
    fewestFailovers,
    failed: failed.map(({ seed }) => seed),
    told: failed
      .slice(0, TOLD_MAX)
      .map((result) => describeSeedFailure(result, seedCommand({ seed: result.seed, storm })))
      .join("\n\n"),
  };
}

/** The command that runs one seed alone. */
export function seedCommand({ seed, faults, storm }: SeedChoice & { readonly seed: number }): string {
  const onlyFaults = faults === undefined ? "" : ` --faults ${faults.join(",")}`;
  return `npm run sim -- --seed ${seed}${onlyFaults}${storm === undefined ? "" : ` --storm ${storm}`}`;
}
