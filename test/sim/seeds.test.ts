import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { notYet } from "../../sim/faults/not-yet.ts";
import { regressionSeeds } from "../../sim/run/regression-seeds.ts";
import { seedRange } from "../../sim/run/run-seeds.ts";
import { collectFailures } from "./collect-failures.ts";

/** Seeds that are run each time, from 1 on. Seeds that nobody has chosen join them once thousands in a row keep every promise: `npm run sim -- --fresh 100` tries some. */
const SEEDS = 1_500;

describe("the whole driver under faults", () => {
  it("keeps every promise that a seed once saw broken", async () => {
    const failures: string[] = [];
    for (const [faults, seeds] of Map.groupBy(regressionSeeds(), ({ faults }) => faults?.join(","))) {
      const { failed, told } = await collectFailures(
        seeds.map(({ seed }) => seed),
        faults === undefined ? undefined : seeds[0]?.faults,
      );
      if (failed.length > 0) failures.push(told);
    }
    assert.deepEqual(failures, []);
  });

  it(`keeps every promise, with the seeds from 1 to ${SEEDS}`, async (t) => {
    for (const { fault, variant, because } of notYet) t.diagnostic(`left out: ${fault}/${variant}: ${because}`);
    const { failed, failovers, told } = await collectFailures(seedRange([1, SEEDS]));
    t.diagnostic(`${SEEDS} seeds, ${failovers} failovers`);
    assert.deepEqual(failed, [], told);
  });
});
