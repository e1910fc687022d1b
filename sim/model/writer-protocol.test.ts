import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { explore, type StateSpace } from "./state-space/explore.ts";
import type { SafetyRule } from "./writer-protocol/steps.ts";
import { safetyRules } from "./writer-protocol/steps.ts";
import { writerProtocol } from "./writer-protocol/writer-protocol.ts";

/** Far above what there is: reached only if a change makes the space grow without end. */
const STATES_MAX = 5_000_000;

/** What goes wrong without each rule, in one sentence. */
const because: Readonly<Record<SafetyRule, string>> = {
  cas: "a grant or take that was decided on an older record overwrites a newer one",
  take: "a node that mounts without having taken is revoked as if it held nothing",
  etag: "an attach that was allowed before the fence lands after the proof",
  intent: "an attach that asks before the fence is recorded is allowed during the fence",
  quarantine: "an old mount command mounts as soon as the disk is attached again",
  proof: "a detach that answers and does nothing passes for a fence",
  bump: "without a move of the ETag an attach that was allowed before the fence lands after it",
  unproven: "a node that had the disk mounted when its record was lost goes on writing",
  requarantine: "a node that was fenced before its record was lost is attached again with an old mount command",
  child: "a node whose old mount command is still alive passes for clean",
  giveClean: "a node gives back after a restart while its old mount command is still alive",
};

describe("the writer protocol, explored in full with the functions that ship", () => {
  it("never lets two nodes have a live mount, whatever freezes, crashes, comes late or lies", (t) => {
    const stepsSeen = new Set<string>();
    const explored = explore(recording(writerProtocol(new Set()), stepsSeen), STATES_MAX);
    assert.equal(explored.kind, "exhausted");
    t.diagnostic(`${explored.states} states, all there are`);
    assert.deepEqual([...stepsSeen].toSorted(), allSteps.toSorted());
  });

  for (const rule of safetyRules) {
    it(`finds two writers without ${rule}: ${because[rule]}`, (t) => {
      const explored = explore(writerProtocol(new Set([rule])), STATES_MAX);
      assert.equal(explored.kind, "fault");
      t.diagnostic(`${rule}: ${explored.path.length} steps`);
    });
  }
});

/** Every step that the protocol has, so that an exploration that got nowhere does not pass for a proof. */
const allSteps: readonly string[] = [
  ...[0, 1].flatMap((node) => [
    ...[
      "takes",
      "takes again",
      "mounts",
      "finds no device",
      "unmounts",
      "gives",
      "gives back after restart",
      "drops dead mount",
      "has nothing to give, or restarts",
    ].map((name) => `n${node} ${name}`),
    ...[
      "plug-in restarts, mount command lives on",
      "old command mounts",
      "old command ends",
      "leaves quarantine",
      "proves itself clean",
      "claims",
      "is unwanted",
      "is wanted again",
    ].map((name) => `n${node} ${name}`),
    ...[
      "reads VM",
      "may attach",
      "may detach",
      "attaches",
      "detaches",
      "grants",
      "clears",
      "declares the fence of",
      "carries on with the fence of",
      "has proof for",
      "sees",
    ].map((name) => stepAbout(name, node)),
    `detach of n${node} answers but does nothing`,
    `takes the disk off n${node} and moves its ETag`,
  ]),
  "controller dies",
  "revokes",
];

function stepAbout(name: string, node: number): string {
  if (name === "reads VM") return `reads VM ${node}`;
  return name === "sees" ? `sees n${node} still attached` : `${name} n${node}`;
}

function recording(space: StateSpace, seen: Set<string>): StateSpace {
  return {
    ...space,
    steps: (state, emit) =>
      space.steps(state, (next, name) => {
        seen.add(name);
        emit(next, name);
      }),
  };
}
