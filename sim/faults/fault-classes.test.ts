import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { diceAgain, pick } from "./fault-class.ts";
import { faultClasses } from "./fault-classes.ts";
import { faultNames } from "./fault-names.ts";

describe("the classes of faults", () => {
  it("end some time, and have the names under which storms list them", () => {
    for (const name of faultNames) {
      assert.equal(faultClasses[name].name, name);
      for (const { forMs } of Object.values(faultClasses[name].variants))
        assert.ok(forMs[0] > 0 && forMs[1] >= forMs[0]);
    }
  });
});

describe("dice", () => {
  it("give further dice that are repeatable, and a choice for each value", () => {
    assert.deepEqual(
      [0, 0.34, 0.99].map((dice) => pick(["a", "b", "c"], dice)),
      ["a", "b", "c"],
    );
    for (let time = 0; time < 20; time++)
      assert.ok(diceAgain(0.123, time) >= 0 && diceAgain(0.123, time) < 1);
    assert.equal(diceAgain(0.123, 4), diceAgain(0.123, 4));
  });
});
