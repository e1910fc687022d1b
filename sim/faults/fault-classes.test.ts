import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { diceAgain, pick } from "./fault-class.ts";
import { faultClasses } from "./fault-classes.ts";
import { faultNames } from "./fault-names.ts";

const PROOF = fileURLToPath(new URL("../../docs/assurance/simulation.md", import.meta.url));

describe("the classes of faults", () => {
  // `npm run sim:proof -- --seeds 0` writes them.
  it("have one line each in docs/assurance/simulation.md", async () => {
    const lines = (await readFile(PROOF, "utf8")).split("\n").filter((line) => /^\| `[a-z]+` \|/u.test(line));
    const expected = faultNames.map(
      (name) =>
        `| \`${name}\` | ${faultClasses[name].about} | ${Object.keys(faultClasses[name].variants).join(", ")} |`,
    );
    assert.deepEqual(lines, expected);
  });

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
