import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseRunOptions } from "./run-options.ts";

describe("the simulation's command line", () => {
  it("takes one seed for a range of one", () => {
    const parsed = parseRunOptions(["--seed", "7", "--faults", "crash,stale", "--json"]);
    assert.ok(parsed.ok);
    assert.deepEqual(
      [parsed.options.seeds, parsed.options.faults, parsed.options.isJson],
      [[7, 7], ["crash", "stale"], true],
    );
  });

  for (const { args, because } of [
    { args: ["--seeds", "9..3"], because: /--seeds is FIRST..LAST/u },
    { args: ["--seed", "x"], because: /--seed is a whole number from 0 on, not x/u },
    { args: ["--seed", "1.5"], because: /--seed is a whole number/u },
    { args: ["--seed", "1", "--seeds", "2..3"], because: /--seed and --seeds say twice/u },
    { args: ["--fresh", "0"], because: /--fresh is a whole number from 1 on/u },
    { args: ["--threads", "0"], because: /--threads is a whole number from 1 on/u },
    { args: ["--minutes", "0"], because: /--minutes is a number above 0/u },
    { args: ["--mutate", "nothing"], because: /there is no safety rule nothing to remove: cas/u },
    {
      args: ["--storm", "nothing"],
      because:
        /there is no storm nothing: stale-deletes, growth, wrong-size, clocks-apart, full-nodes, scaled-in, other-writers, bystander, portal, lost-and-gone, name-moves, impostor, anothers-name, copies, two-clusters, taken-names, malicious, cas/u,
    },
    { args: ["--shrink", "--seeds", "1..9"], because: /--shrink makes one scenario smaller/u },
    { args: ["--faults", "fire"], because: /there is no class of faults fire: crash/u },
    { args: ["--sed", "7"], because: /--sed/u },
  ]) {
    it(`refuses ${args.join(" ")} and says why`, () => {
      const parsed = parseRunOptions(args);
      assert.match(parsed.ok ? "" : parsed.reason, because);
    });
  }
});
