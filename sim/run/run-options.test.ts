import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseRunOptions } from "./run-options.ts";

describe("the simulation's command line", () => {
  it("takes one seed for a range of one", () => {
    const parsed = parseRunOptions(["--seed", "7", "--faults", "crash,stale", "--json"]);
    assert.ok(parsed.ok);
    assert.deepEqual([parsed.options.seeds, parsed.options.faults, parsed.options.isJson], [[7, 7], ["crash", "stale"], true]);
  });

  for (const { args, because } of [
    { args: ["--seeds", "9..3"], because: /--seeds is FIRST..LAST/u },
    { args: ["--seed", "x"], because: /--seed is a number/u },
    { args: ["--faults", "fire"], because: /there is no class of faults fire: crash/u },
    { args: ["--sed", "7"], because: /--sed/u },
  ]) {
    it(`refuses ${args.join(" ")} and says why`, () => {
      const parsed = parseRunOptions(args);
      assert.match(parsed.ok ? "" : parsed.reason, because);
    });
  }
});
