import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeSeedFailure } from "../../sim/run/describe-failure.ts";
import { ownStorms } from "../../sim/run/own-storms.ts";
import { runSeeds, seedRange } from "../../sim/run/run-seeds.ts";

/** Seeds of each storm. */
const SEEDS = 30;

describe("the whole driver in storms of their own", () => {
  for (const [name, storm] of Object.entries(ownStorms)) {
    it(`keeps every promise: ${name}`, async () => {
      const told: string[] = [];
      await runSeeds({
        seeds: seedRange([1, SEEDS]),
        storm,
        onResult: (result) => {
          if (result.violations.length > 0) told.push(describeSeedFailure(result, `npm run sim -- --storm ${name} --seed ${result.seed}`));
          return true;
        },
      });
      assert.equal(told.length, 0, told.slice(0, 3).join("\n\n"));
    });
  }
});
