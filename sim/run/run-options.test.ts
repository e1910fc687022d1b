import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readRunOptions } from "./run-options.ts";

describe("the simulation's command line", () => {
  it("takes one seed for a range of one", () => {
    const command = readRunOptions(["--seed", "7", "--faults", "crash,stale", "--json"]);
    assert.ok(command.kind === "Run");
    const { seeds, faults, isJson } = command.options;
    assert.deepEqual([seeds, faults, isJson], [[7, 7], ["crash", "stale"], true]);
  });

  for (const { args, because } of [
    { args: ["--seeds", "9..3"], because: /^--seeds: got "9\.\.3"; expected FIRST\.\.LAST/u },
    { args: ["--seed", "x"], because: /^--seed: got "x"; expected a whole number from 0$/u },
    { args: ["--seed", "1.5"], because: /^--seed: got "1\.5"; expected a whole number/u },
    { args: ["--seed", "1", "--seeds", "2..3"], because: /^--seed and --seeds: say twice/u },
    { args: ["--fresh", "0"], because: /^--fresh: got "0"; expected a whole number from 1$/u },
    { args: ["--threads", "0"], because: /^--threads: got "0"; expected a whole number from 1$/u },
    { args: ["--minutes", "0"], because: /^--minutes: got "0"; expected a number from 0\.001$/u },
    { args: ["--mutate", "nothing"], because: /^--mutate: got "nothing"; expected one of list, cas/u },
    {
      args: ["--storm", "full-node"],
      because: /^--storm: got "full-node"; expected one of stale-deletes, .*; did you mean full-nodes\?$/u,
    },
    { args: ["--shrink", "--seeds", "1..9"], because: /^--shrink: makes one scenario smaller/u },
    { args: ["--faults", "fire"], because: /^--faults: got "fire"; expected some of crash, /u },
    { args: ["--sed", "7"], because: /^--sed: unknown flag; did you mean --seed\?$/u },
  ]) {
    it(`refuses ${args.join(" ")} and says why`, () => {
      const command = readRunOptions(args);
      assert.match(command.kind === "Refuse" ? (command.problems[0] ?? "") : "", because);
    });
  }
});
