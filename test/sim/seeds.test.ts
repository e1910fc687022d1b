import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { freshRange } from "../../sim/run/fresh-range.ts";
import { regressionSeeds } from "../../sim/run/regression-seeds.ts";
import { FAILOVERS_MIN } from "../../sim/run/run-scenario.ts";
import { seedRange } from "../../sim/run/run-seeds.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import { collectFailures } from "./collect-failures.ts";

/** Seeds that run each time, from 1 on. */
const SEEDS = 300;
/** Random seeds, other ones each time. */
const FRESH_SEEDS = 8;

describe("the whole driver under faults", () => {
  it(`keeps every promise with ${FRESH_SEEDS} random seeds`, async (t) => {
    const [first, last] = freshRange(systemRandom, FRESH_SEEDS);
    t.diagnostic(`npm run sim -- --seeds ${first}..${last}`);
    const { failed, told } = await collectFailures(seedRange([first, last]));
    assert.deepEqual(failed, [], told);
  });

  it("keeps every promise with each seed that once failed", async () => {
    const failures: string[] = [];
    for (const [, seeds] of Map.groupBy(
      regressionSeeds(),
      ({ faults, storm }) => storm ?? faults?.join(","),
    )) {
      const { failed, told } = await collectFailures(
        seeds.map(({ seed }) => seed),
        { faults: seeds[0]?.faults, storm: seeds[0]?.storm },
      );
      if (failed.length > 0) failures.push(told);
    }
    assert.deepEqual(failures, []);
  });

  it(`keeps every promise with the seeds from 1 to ${SEEDS}`, async (t) => {
    const { seeds, failed, failovers, fewestFailovers, told } = await collectFailures(seedRange([1, SEEDS]));
    t.diagnostic(`${seeds} seeds, ${failovers} failovers; more: npm run sim -- --seeds ${SEEDS + 1}..3000`);
    assert.ok(seeds === SEEDS, `${seeds} seeds`);
    assert.deepEqual(failed, [], told);
    assert.ok(fewestFailovers >= FAILOVERS_MIN, `a seed with ${fewestFailovers} failovers`);
  });
});
