import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runScenario } from "../../sim/run/run-scenario.ts";
import { drawScenario } from "../../sim/scenario/draw-scenario.ts";

/** The last one has a second cluster. */
const SEEDS = [1, 2, 3, 5, 8, 13, 16];

describe("a seed", () => {
  for (const seed of SEEDS)
    it(`gives the same trace each time, byte for byte (${seed})`, async () => {
      const [first, second] = [await runScenario(drawScenario(seed)), await runScenario(drawScenario(seed))];
      assert.equal(first.digest, second.digest);
      assert.deepEqual(first, second);
    });
});
