import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mutations } from "../../sim/mutations/mutations.ts";
import { runSeeds, seedRange } from "../../sim/run/run-seeds.ts";

/** A rule that is gone is missed within so many seeds. */
const SEEDS_MAX = 1_000;

describe("the driver without one of its rules", () => {
  for (const { name, breaks, faults } of mutations) {
    it(`is caught: ${name}`, async (t) => {
      let seeds = 0;
      const seen = new Set<string>();
      await runSeeds({
        seeds: seedRange([1, SEEDS_MAX]),
        mutation: name,
        faults,
        onResult: ({ violations }) => {
          seeds += 1;
          for (const { invariant } of violations) seen.add(invariant);
          return !breaks.some((invariant) => seen.has(invariant));
        },
      });
      t.diagnostic(`${name}: ${[...seen].join(", ")} within ${seeds} seeds`);
      assert.ok(
        breaks.some((invariant) => seen.has(invariant)),
        `none of ${breaks.join(", ")} was seen broken within ${seeds} seeds; seen: ${[...seen].join(", ") || "nothing"}`,
      );
    });
  }
});
