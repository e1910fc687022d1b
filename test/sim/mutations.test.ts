import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mutationNamed, mutations } from "../../sim/mutations/mutations.ts";
import { runSeeds, seedRange } from "../../sim/run/run-seeds.ts";

/** The aim: a rule that is gone is missed within so many seeds. */
const SEEDS_MAX = 1_000;
/** Rules that faults of their classes alone hit within a few seeds, and how many seeds they get. The others still need faults that strike more often at the right place. */
const CAUGHT: Readonly<Record<string, number>> = { take: 20, unproven: 40, "mkfs-unchecked": 40 };

const NOT_YET = mutations.filter(({ name }) => !(name in CAUGHT));

describe("the driver without one of its rules", () => {
  for (const [name, seedsMax] of Object.entries(CAUGHT)) {
    it(`is caught: ${name}`, async (t) => {
      const { breaks, faults } = mutationNamed(name);
      let seeds = 0;
      const seen = new Set<string>();
      const isCaught = (): boolean => breaks.some((invariant) => seen.has(invariant));
      await runSeeds({
        seeds: seedRange([1, seedsMax]),
        mutation: name,
        faults,
        onResult: ({ violations }) => {
          seeds += 1;
          for (const { invariant } of violations) seen.add(invariant);
          return !isCaught();
        },
      });
      for (const other of NOT_YET)
        t.diagnostic(`not tried here: npm run sim -- --mutate ${other.name} --faults ${other.faults.join(",")} --seeds 1..${SEEDS_MAX}`);
      t.diagnostic(`${name}: ${[...seen].join(", ")} within ${seeds} seeds`);
      assert.ok(isCaught(), `none of ${breaks.join(", ")} was seen broken within ${seeds} seeds; seen: ${[...seen].join(", ") || "nothing"}`);
    });
  }
});
