import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { regressionSeeds } from "./regression-seeds.ts";

describe("seeds that once failed", () => {
  it("are read with their lesson, and with the classes or the storm of their discovery", () => {
    assert.deepEqual(
      regressionSeeds(
        "# seeds\n\n17: a grant overtook a fence\n18 (crash,stale): a checkpoint was lost\n" +
          "19 [others-detach]: a request was left behind\n",
      ),
      [
        { seed: 17, faults: undefined, lesson: "a grant overtook a fence", storm: undefined },
        { seed: 18, faults: ["crash", "stale"], lesson: "a checkpoint was lost", storm: undefined },
        { seed: 19, faults: undefined, lesson: "a request was left behind", storm: "others-detach" },
      ],
    );
  });

  it("must have a lesson, and name an existing storm", () => {
    assert.throws(() => regressionSeeds("17\n"), /not a line of SEED: LESSON: 17/u);
    assert.throws(() => regressionSeeds("17 [none]: a lesson\n"), /there is no storm none: stale-deletes, /u);
  });

  it("are kept in a readable file", () => {
    for (const { lesson } of regressionSeeds()) assert.ok(lesson.length > 20, lesson);
  });
});
