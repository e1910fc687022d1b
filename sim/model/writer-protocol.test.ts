import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isNamed } from "../../src/core/writer/record/record-nodes.ts";
import { explore, type StateSpace } from "./state-space/explore.ts";
import { findStuck } from "./state-space/find-stuck.ts";
import { recording } from "./state-space/recording.ts";
import { recordOf } from "./writer-protocol/record-codes.ts";
import type { SafetyRule } from "./writer-protocol/steps.ts";
import { safetyRules } from "./writer-protocol/steps.ts";
import { decode } from "./writer-protocol/world.ts";
import { isInUse, writerProtocol } from "./writer-protocol/writer-protocol.ts";

/** Far above what there is: reached only if a change makes the space grow without end. */
const STATES_MAX = 5_000_000;

/** Faults without this rule need no deleted VM: the search is shorter without deletions. */
const DELETION = /is deleted for good$/u;

/** What goes wrong without each rule, in one sentence. */
const because: Readonly<Record<SafetyRule, string>> = {
  cas: "a grant or acquire that was decided on an older record overwrites a newer one",
  acquire: "a node that mounts without an acquire is revoked as if it held nothing",
  etag: "an attach that was allowed before the fence lands after the proof",
  intent: "an attach that asks before the fence is recorded is allowed during the fence",
  quarantine: "an old mount command mounts as soon as the disk is attached again",
  proof: "a detach that answers and does nothing passes for a fence",
  bump: "without a move of the ETag an attach that was allowed before the fence lands after it",
  unverified: "a node that had the disk mounted when its record was lost continues to write",
  requarantine:
    "a node that was fenced before its record was lost is attached again with an old mount command",
  child: "a node whose old mount command is still alive passes for clean",
  releaseClean: "a node releases after a restart while its old mount command is still alive",
  listed: "an unverified node that has the disk attached is said to be without it",
  gone: "an existing VM is pruned, and its old mount command mounts after the next attach",
  moved:
    "without a move of the ETag an attach that was allowed before lands after the proof that the disk " +
    "is not there",
};

/** The role of an attachment relies on it: the primary is the writer's, and an unverified node has none. */
function unverifiedWriter(state: number): string | undefined {
  const record = recordOf(decode(state).record);
  const { writer } = record;
  return writer !== undefined && isNamed(record, writer, "unverified")
    ? "the writer is unverified"
    : undefined;
}

describe("the writer protocol, explored in full with the functions that ship", () => {
  it("never has two live mounts or an unverified writer, whatever freezes or is late", (t) => {
    const stepsSeen = new Set<string>();
    const space = recording(writerProtocol(new Set()), stepsSeen);
    const explored = explore(
      { ...space, fault: (state) => space.fault(state) ?? unverifiedWriter(state) },
      STATES_MAX,
    );
    assert.equal(explored.kind, "exhausted");
    t.diagnostic(`${explored.states} states, all there are`);
    assert.deepEqual([...stepsSeen].toSorted(), allSteps.toSorted());
  });

  it("always leaves a way to use the volume, without an out-of-service mark", (t) => {
    const found = findStuck(writerProtocol(new Set(), { isUnaided: true }), isInUse, STATES_MAX);
    assert.equal(found.kind, "none");
    t.diagnostic(`${found.states} states`);
  });

  it("has a dead end without the proof that an unverified node has no disk", (t) => {
    const found = findStuck(
      withoutSteps(writerProtocol(new Set(), { isUnaided: true }), / for a proof$|is deleted for good$/u),
      isInUse,
      STATES_MAX,
    );
    assert.equal(found.kind, "stuck");
    t.diagnostic(found.path.join("; "));
  });

  for (const rule of safetyRules) {
    it(`finds two writers without ${rule}: ${because[rule]}`, (t) => {
      const explored = explore(withoutSteps(writerProtocol(new Set([rule])), DELETION), STATES_MAX);
      assert.equal(explored.kind, "fault");
      t.diagnostic(`${rule}: ${explored.path.length} steps`);
    });
  }
});

/** Every step of the protocol, so that an exploration that stopped early does not pass for a proof. */
const allSteps: readonly string[] = [
  ...[0, 1].flatMap((node) => [
    ...[
      "acquires",
      "acquires again",
      "mounts",
      "finds no device",
      "unmounts",
      "releases",
      "releases after a restart",
      "drops dead mount",
      "has nothing to release, or restarts",
    ].map((name) => `n${node} ${name}`),
    ...[
      "plug-in restarts, mount command lives on",
      "old command mounts",
      "old command ends",
      "leaves quarantine",
      "reports clean",
      "reclaims",
      "is unrequested",
      "is requested again",
      "VM is deleted for good",
    ].map((name) => `n${node} ${name}`),
    ...[
      "reads VM",
      "may attach",
      "may detach",
      "attaches",
      "detaches",
      "grants",
      "clears",
      "begins the fence of",
      "begins the fence of gone",
      "carries on with the fence of",
      "has proof for",
      "reads for a proof",
      "may prove",
      "clears unfenced",
      "sees",
      "prunes",
      "prunes clean",
      "finds no VM",
    ].map((name) => stepAbout(name, node)),
    `detach of n${node} answers but does nothing`,
    `detaches the disk from n${node} and moves its ETag`,
    `moves the ETag of n${node}, which has no disk`,
  ]),
  "another VM comes for n0",
  "another VM comes for n1",
  "controller dies",
  "revokes",
];

function stepAbout(name: string, node: number): string {
  if (name === "reads VM") return `reads VM ${node}`;
  if (name === "reads for a proof") return `reads VM ${node} for a proof`;
  if (name === "may prove") return `may prove n${node} detached`;
  if (name === "clears unfenced") return `clears n${node}, which was never fenced`;
  if (name === "prunes clean") return `prunes clean n${node}`;
  if (name === "begins the fence of gone") return `begins the fence of n${node}, which is gone`;
  if (name === "finds no VM") return `finds no VM ${node}`;
  return name === "sees" ? `sees n${node} still attached` : `${name} n${node}`;
}

/** The same without the steps of such names. */
function withoutSteps(space: StateSpace, left: RegExp): StateSpace {
  return {
    ...space,
    steps: (state, emit) =>
      space.steps(state, (next, name) => {
        if (!left.test(name)) emit(next, name);
      }),
  };
}
