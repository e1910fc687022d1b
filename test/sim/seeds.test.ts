import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { freshRange } from "../../sim/run/fresh-range.ts";
import { regressionSeeds } from "../../sim/run/regression-seeds.ts";
import { FAILOVERS_MIN } from "../../sim/run/run-scenario.ts";
import { seedRange } from "../../sim/run/run-seeds.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import { collectFailures } from "./collect-failures.ts";

/** Seeds that are run each time, from 1 on. */
const SEEDS_MIN = 1_000;
/** Up to so many are, for as long as that takes no more than five minutes: a quick machine gets through all of them. */
const SEEDS_MAX = 3_000;
const MORE_FOR_MS = 300_000;
/** Seeds that nobody has chosen, other ones each time. */
const FRESH_SEEDS = 25;

function* seedsInTime(): Generator<number, void, undefined> {
  const endsAtMs = systemClock.elapsedMs() + MORE_FOR_MS;
  for (const seed of seedRange([1, SEEDS_MAX])) {
    if (seed > SEEDS_MIN && systemClock.elapsedMs() >= endsAtMs) return;
    yield seed;
  }
}

describe("the whole driver under faults", () => {
  it(`keeps every promise, with ${FRESH_SEEDS} seeds that nobody has chosen`, async (t) => {
    const [first, last] = freshRange(systemRandom, FRESH_SEEDS);
    t.diagnostic(`npm run sim -- --seeds ${first}..${last}`);
    const { failed, told } = await collectFailures(seedRange([first, last]));
    assert.deepEqual(failed, [], told);
  });

  it("keeps every promise that a seed once saw broken", async () => {
    const failures: string[] = [];
    for (const [, seeds] of Map.groupBy(regressionSeeds(), ({ faults, storm }) => storm ?? faults?.join(","))) {
      const { failed, told } = await collectFailures(
        seeds.map(({ seed }) => seed),
        { faults: seeds[0]?.faults, storm: seeds[0]?.storm },
      );
      if (failed.length > 0) failures.push(told);
    }
    assert.deepEqual(failures, []);
  });

  it(`keeps every promise, with the seeds from 1 to ${SEEDS_MIN}, and on to ${SEEDS_MAX} where five minutes are enough for more`, async (t) => {
    const { seeds, failed, failovers, fewestFailovers, told } = await collectFailures(seedsInTime());
    t.diagnostic(`${seeds} seeds, ${failovers} failovers`);
    assert.ok(seeds >= SEEDS_MIN, `${seeds} seeds`);
    assert.deepEqual(failed, [], told);
    assert.ok(fewestFailovers >= FAILOVERS_MIN, `a seed with ${fewestFailovers} failovers`);
  });
});
