import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { restoredStore, type RestoreRule, restoreRules } from "./restored-store/restored-store.ts";
import { explore } from "./state-space/explore.ts";

/** Far above what there is: reached only if a change makes the space grow without end. */
const STATES_MAX = 20_000_000;
/** The exploration is exhaustive within these: a grant before the backup and one after it, and one sweep. */
const EXHAUSTIVE = { epochsMax: 1, generationsMax: 1 };
/** Where what goes wrong without a rule is looked for. */
const WIDER = { epochsMax: 2, generationsMax: 1 };

/** What goes wrong without each rule, in one sentence. */
const because: Readonly<Record<RestoreRule, string>> = {
  heartbeat: "a node takes what a backup says is its own, while another one writes",
  memory: "a controller that has seen more of the Lease goes on by the records of a backup",
  standstill: "somebody goes by a record that has not been made anew yet",
  sweep: "the store incarnation rises, and the records are as the backup had them",
  holders: "records are made anew without asking Azure who has the disk",
  asked: "the record is read after the store was found to be trusted, and a backup comes in between",
  heard:
    "a controller that starts after the restore goes by the records before any node has compared what it remembers",
  settled:
    "a detach that the records of before allowed lands on a node that has claimed the volume, or was granted it, since",
};

describe("a store that goes back to a backup, explored with the functions that ship", () => {
  it(`never lets two nodes have a live mount, nor cuts a healthy writer off by the records of before, with epochs and store generations up to 1 and one restore`, (t) => {
    const explored = explore(restoredStore(new Set(), EXHAUSTIVE), STATES_MAX);
    assert.equal(explored.kind, "exhausted");
    t.diagnostic(`${explored.states} states, all there are within these bounds`);
  });

  for (const rule of restoreRules) {
    it(`finds what goes wrong without ${rule}: ${because[rule]}`, (t) => {
      const explored = explore(restoredStore(new Set([rule]), WIDER), STATES_MAX);
      assert.ok(explored.kind === "fault");
      assert.equal(explored.fault, rule === "settled" ? "a healthy writer was cut off" : "two live writers");
      t.diagnostic(`${rule}: ${explored.path.length} steps`);
    });
  }
});
