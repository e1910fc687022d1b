import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { restoredStore, type RestoreRule, restoreRules } from "./restored-store/restored-store.ts";
import { explore } from "./state-space/explore.ts";

/** Far above what there is: reached only if a change makes the space grow without end. */
const STATES_MAX = 20_000_000;
/**
 * The exploration is exhaustive within these: a grant before the backup and one after it, and one rebuild.
 */
const EXHAUSTIVE = { epochsMax: 1, incarnationsMax: 1 };
/** The bounds for finding what goes wrong without a rule. */
const WIDER = { epochsMax: 2, incarnationsMax: 1 };

/** What goes wrong without each rule, in one sentence. */
const because: Readonly<Record<RestoreRule, string>> = {
  heartbeat: "a node acquires by a restored record while another one writes",
  highWaterMark: "a controller with a higher mark of the Lease uses restored records",
  standstill: "a record is used before it has been rebuilt",
  rebuild: "the store incarnation rises, and the records are as the backup had them",
  attachedVms: "records are rebuilt without asking Azure which VMs have the disk",
  asked: "the record is read after the store was found to be trusted, and a backup comes in between",
  gracePeriod:
    "a controller that starts after the restore goes by the records before any node has compared what " +
    "it remembers",
  barrier: "a detach allowed by an earlier record lands on a node that has it since",
  lateProof: "a proof of a fence from before the restore ends one that began after it",
};

describe("a store that is rolled back, explored with the functions that ship", () => {
  it(`never has two live mounts, nor fences a healthy writer by earlier records`, (t) => {
    const explored = explore(restoredStore(new Set(), EXHAUSTIVE), STATES_MAX);
    assert.equal(explored.kind, "exhausted");
    t.diagnostic(`${explored.states} states, all there are within these bounds`);
  });

  for (const rule of restoreRules) {
    it(`finds what goes wrong without ${rule}: ${because[rule]}`, (t) => {
      const explored = explore(restoredStore(new Set([rule]), WIDER), STATES_MAX);
      assert.ok(explored.kind === "fault");
      assert.equal(explored.fault, rule === "barrier" ? "a healthy writer was fenced" : "two live writers");
      t.diagnostic(`${rule}: ${explored.path.length} steps`);
    });
  }
});
