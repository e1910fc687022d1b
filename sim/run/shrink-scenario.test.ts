import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { drawScenario } from "./draw-scenario.ts";
import { shrinkScenario } from "./shrink-scenario.ts";

describe("shrinking a scenario", () => {
  it("keeps only what the failure needs: here one fault and two acts", async () => {
    const scenario = drawScenario(5);
    const [fault] = scenario.faults;
    const [first, , third] = scenario.acts;
    assert.ok(fault !== undefined && first !== undefined && third !== undefined);
    const smallest = await shrinkScenario(scenario, ({ faults, acts }) =>
      Promise.resolve(faults.includes(fault) && acts.includes(first) && acts.includes(third)),
    );
    assert.deepEqual([smallest.faults, smallest.acts, smallest.workloads.length], [[fault], [first, third], 1]);
  });

  it("gives back what it was given where nothing can go", async () => {
    const scenario = drawScenario(6);
    assert.equal(await shrinkScenario(scenario, () => Promise.resolve(false)), scenario);
  });
});
