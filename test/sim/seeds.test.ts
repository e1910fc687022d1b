import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeSeedFailure } from "../../sim/run/describe-failure.ts";
import { freshRange } from "../../sim/run/fresh-range.ts";
import { regressionSeeds } from "../../sim/run/regression-seeds.ts";
import { FAILOVERS_MIN } from "../../sim/run/run-scenario.ts";
import { runTasks, seedRange, taskOf } from "../../sim/run/run-seeds.ts";
import { stormNamed } from "../../sim/scenario/storm/storm-named.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import { collectFailures, seedCommand } from "./collect-failures.ts";

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

  it("keeps every promise with each seed that once failed", async (t) => {
    const commands = new Map(
      regressionSeeds().map((regression) => {
        const { seed, faults } = regression;
        const storm = regression.storm === undefined ? undefined : stormNamed(regression.storm);
        return [taskOf(seed, { faults, storm }), seedCommand(regression)];
      }),
    );
    const failures: string[] = [];
    await runTasks({
      tasks: commands.keys(),
      onResult: (result, task) => {
        if (result.violations.length > 0)
          failures.push(describeSeedFailure(result, commands.get(task) ?? ""));
        return true;
      },
    });
    t.diagnostic(`${commands.size} seeds of sim/seeds/regressions.txt`);
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
