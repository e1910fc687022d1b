import type { Violation } from "../history/violation.ts";
import type { SeedResult } from "./run-seed.ts";

/** The output of `--json`, with these keys and no others. */
export interface Summary {
  readonly seeds: number;
  readonly failovers: number;
  readonly virtualHours: number;
  readonly wallSeconds: number;
  readonly violations: readonly (Violation & { readonly seed: number })[];
}

/** Adds up the results of seeds. */
export interface SummaryOfSeeds {
  add(result: SeedResult): void;
  /** `wallMs`: how long it took. */
  total(wallMs: number): Summary;
}

const MS_PER_HOUR = 3_600_000;
const MS_PER_S = 1_000;

/** Of no seeds yet. */
export function createSummary(): SummaryOfSeeds {
  let [seeds, failovers, virtualMs] = [0, 0, 0];
  const violations: (Violation & { readonly seed: number })[] = [];
  return {
    add: (result) => {
      seeds += 1;
      failovers += result.failovers;
      virtualMs += result.virtualMs;
      violations.push(...result.violations.map((violation) => ({ seed: result.seed, ...violation })));
    },
    total: (wallMs) => ({
      seeds,
      failovers,
      virtualHours: Math.round((virtualMs / MS_PER_HOUR) * 10) / 10,
      wallSeconds: Math.round(wallMs / 10) / (MS_PER_S / 10),
      violations: violations.toSorted((left, right) => left.seed - right.seed),
    }),
  };
}
