import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isInUse, reclaimProtocol, type ReclaimRule, reclaimRules } from "./reclaim/reclaim-protocol.ts";
import { explore } from "./state-space/explore.ts";
import { findStuck } from "./state-space/find-stuck.ts";
import { recording } from "./state-space/recording.ts";

/** Far above what there is: reached only if a change makes the space grow without end. */
const STATES_MAX = 500_000;

/** What goes wrong without each rule. */
const wrong: Readonly<Record<ReclaimRule, string>> = {
  unconfirmed: "a node reclaimed a disk that it never had",
  listed: "a node reclaimed a disk that it never had",
  checkpointed: "a healthy writer was fenced",
  unverified: "a healthy writer was fenced",
  dispute: "a mount was removed under a pod",
};

const steps: readonly string[] = [
  ...[
    "n0 reclaims",
    "n0 acquires and mounts for a pod",
    "n1 acquires and mounts for a pod",
    "n1 leaves quarantine",
    "n1 reports clean",
    "n1 drops its checkpoint",
  ],
  ...[
    "n1 reclaims, whatever it has",
    "n1 acquires, whatever it has",
    "confirms n0",
    "confirms n1",
    "proves n1 detached",
    "grants n0",
    "grants n1",
  ],
  ...[
    "attaches to n0",
    "detaches from n0",
    "attaches to n1",
    "detaches from n1",
    "n0's pod ends, and its volume is unstaged",
  ],
];

describe("the reclaim after a loss of the record, explored in full", () => {
  it("lets no second node write, fences no writer, and removes no mount under a pod", (t) => {
    const seen = new Set<string>();
    const explored = explore(recording(reclaimProtocol(new Set()), seen), STATES_MAX);
    assert.deepEqual([explored.kind, explored.kind === "fault" && explored.path], ["exhausted", false]);
    // An exploration that stops early is no proof.
    assert.deepEqual(
      steps.filter((name) => !seen.has(name)),
      [],
    );
    t.diagnostic(`${explored.states} states, all there are`);
  });

  it("always leaves a way for an honest node to use the volume", (t) => {
    const found = findStuck(reclaimProtocol(new Set()), isInUse, STATES_MAX);
    assert.deepEqual([found.kind, found.kind === "stuck" && found.path], ["none", false]);
    t.diagnostic(`${found.states} states`);
  });

  for (const rule of reclaimRules) {
    it(`finds what goes wrong without ${rule}: ${wrong[rule]}`, (t) => {
      const explored = explore(reclaimProtocol(new Set([rule])), STATES_MAX);
      assert.equal(explored.kind === "fault" && explored.fault, wrong[rule]);
      t.diagnostic(explored.kind === "fault" ? `${rule}: ${explored.path.join("; ")}` : "");
    });
  }
});
