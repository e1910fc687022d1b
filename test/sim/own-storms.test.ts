import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FAILOVERS_MIN } from "../../sim/run/run-scenario.ts";
import { seedRange } from "../../sim/run/run-seeds.ts";
import { ownStorms } from "../../sim/scenario/own-storms.ts";
import { collectFailures } from "./collect-failures.ts";

/** Seeds of each storm. */
const SEEDS = 12;

describe("the whole driver in its special storms", () => {
  for (const storm of Object.keys(ownStorms)) {
    it(`keeps every promise: ${storm}`, async () => {
      const { failed, fewestFailovers, told } = await collectFailures(seedRange([1, SEEDS]), { storm });
      assert.deepEqual(failed, [], told);
      assert.ok(fewestFailovers >= FAILOVERS_MIN, `a seed with ${fewestFailovers} failovers`);
    });
  }
});
