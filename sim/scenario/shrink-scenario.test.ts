import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { drawScenario } from "./draw-scenario.ts";
import type { Scenario } from "./scenario.ts";
import { shrinkScenario } from "./shrink-scenario.ts";

/** The scenario of the first seed with a second cluster. */
function withSecond(): Scenario {
  for (let seed = 1; ; seed++) {
    const scenario = drawScenario(seed);
    if (scenario.second !== undefined) return scenario;
  }
}

describe("shrinking a scenario", () => {
  it("keeps only what the failure needs: here one fault and two acts", async () => {
    const scenario = drawScenario(5);
    const [fault] = scenario.faults;
    const [first, , third] = scenario.acts;
    assert.ok(fault !== undefined && first !== undefined && third !== undefined);
    const smallest = await shrinkScenario(scenario, ({ faults, acts }) =>
      Promise.resolve(faults.includes(fault) && acts.includes(first) && acts.includes(third)),
    );
    assert.deepEqual(
      [smallest.faults, smallest.acts, smallest.workloads.length],
      [[fault], [first, third], 1],
    );
  });

  it("leaves out the second cluster, or what happens to it where that is what fails", async () => {
    const scenario = withSecond();
    const fault = scenario.second?.faults[0] ?? assert.fail("no fault");
    assert.equal((await shrinkScenario(scenario, () => Promise.resolve(true))).second, undefined);
    const smallest = await shrinkScenario(scenario, ({ second }) =>
      Promise.resolve(second?.faults.includes(fault) === true),
    );
    assert.deepEqual([smallest.second?.faults, smallest.second?.acts, smallest.faults], [[fault], [], []]);
  });

  it("gives back what it was given where nothing can go", async () => {
    const scenario = drawScenario(6);
    assert.equal(await shrinkScenario(scenario, () => Promise.resolve(false)), scenario);
  });
});
