import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ownStorms } from "../../sim/run/own-storms.ts";
import { FAILOVERS_MIN } from "../../sim/run/run-scenario.ts";
import { seedRange } from "../../sim/run/run-seeds.ts";
import { collectFailures } from "./collect-failures.ts";

/** Seeds of each storm. */
const SEEDS = 12;

/** Storms that break a promise, each with the first seed that shows it: docs/proof.md, "Not come through yet". TODO(#15) */
const OPEN: Readonly<Record<string, string>> = {
  "other-writers": "seed 9: healthy-writer-cut-off",
};

describe("the whole driver in storms of their own", () => {
  for (const storm of Object.keys(ownStorms).filter((name) => !(name in OPEN))) {
    it(`keeps every promise: ${storm}`, async (t) => {
      for (const [open, shown] of Object.entries(OPEN)) t.diagnostic(`left out: ${open}: ${shown}`);
      const { failed, fewestFailovers, told } = await collectFailures(seedRange([1, SEEDS]), { storm });
      assert.deepEqual(failed, [], told);
      assert.ok(fewestFailovers >= FAILOVERS_MIN, `a seed with ${fewestFailovers} failovers`);
    });
  }
});
