import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { renamedVm, type RenamedVmRule, renamedVmRules } from "./renamed-vm/renamed-vm.ts";
import { explore } from "./state-space/explore.ts";
import { recording } from "./state-space/recording.ts";

/** Far above what there is: reached only if a change makes the space grow without end. */
const STATES_MAX = 500_000;

/** What goes wrong without each rule. */
const wrong: Readonly<Record<RenamedVmRule, string>> = {
  attaches: "a VM that is not clean got the disk",
  grants: "a healthy writer lost its disk",
  detaches: "a healthy writer lost its disk",
  reclaims: "a healthy writer lost its disk",
  fences: "a healthy writer lost its disk",
  entries: "a healthy writer lost its disk",
};

const steps: readonly string[] = [
  ...["registers under another name", "acquires and mounts", "releases", "reclaims", "shows itself clean"],
  ...["the other node acquires", "the other node releases", "the other node shows itself clean"],
  ...["attaches", "detaches", "the fence detaches", "begins a fence", "proves the fence", "ends the fence"],
  ...["forgets the proof", "grants node-b", "grants node-z", "grants the other node", "withdraws", "revokes"],
  ...["clears a mark", "finds the disk by the present name", "gives its entry the present name"],
];

describe("a VM that registers under another name, explored in full", () => {
  it("lets no second node write, and keeps its disk and its quarantine", (t) => {
    const seen = new Set<string>();
    const explored = explore(recording(renamedVm(new Set()), seen), STATES_MAX);
    assert.deepEqual([explored.kind, explored.kind === "fault" && explored.path], ["exhausted", false]);
    // An exploration that stops early is no proof.
    assert.deepEqual([...seen].toSorted(), steps.toSorted());
    t.diagnostic(`${explored.states} states, all there are`);
  });

  for (const rule of renamedVmRules) {
    it(`finds what goes wrong without ${rule}: ${wrong[rule]}`, (t) => {
      const explored = explore(renamedVm(new Set([rule])), STATES_MAX);
      assert.equal(explored.kind === "fault" && explored.fault, wrong[rule]);
      t.diagnostic(explored.kind === "fault" ? `${rule}: ${explored.path.join("; ")}` : "");
    });
  }
});
