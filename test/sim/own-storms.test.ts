import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FAILOVERS_MIN } from "../../sim/run/run-scenario.ts";
import { seedRange } from "../../sim/run/run-seeds.ts";
import { ownStorms } from "../../sim/scenario/storm/own-storms.ts";
import { collectFailures } from "./collect-failures.ts";

/** Seeds of each storm that run each time, from 1 on. */
const SEEDS = 6;

describe("the whole driver in its special storms", () => {
  for (const storm of Object.keys(ownStorms))
    it(`keeps every promise: ${storm}`, async (t) => {
      const { seeds, failed, fewestFailovers, told } = await collectFailures(seedRange([1, SEEDS]), {
        storm,
      });
      const more = `npm run sim -- --storm ${storm} --seeds ${SEEDS + 1}..100`;
      t.diagnostic(`${storm}: ${seeds} seeds; more: ${more}`);
      assert.deepEqual(failed, [], told);
      assert.ok(fewestFailovers >= FAILOVERS_MIN, `a seed with ${fewestFailovers} failovers`);
    });
});
