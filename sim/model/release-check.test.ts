import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { releaseProtocol, type ReleaseRule, releaseRules } from "./release-check/release-protocol.ts";
import { explore } from "./state-space/explore.ts";

/** Far above what there is: reached only if a change makes the space grow without end. */
const STATES_MAX = 5_000_000;

/** What goes wrong without each rule, in one sentence. */
const because: Readonly<Record<ReleaseRule, string>> = {
  request: "the want of another node is enough for a fence",
  mark: "nobody marks the writer unwanted first, so a new user has nothing to take back",
  pods: "nobody asks for users",
  order: "users are asked for before the record is read: one that comes in between is seen by neither",
  cas: "the intent is written over a want that was stated again meanwhile",
  renew: "NodePublishVolume binds without stating the want again",
  ending:
    "a node that gives ends its fence, and a detach that was allowed before lands on it as a writer again",
};

describe("the release check, explored in full with the steps that ship", () => {
  for (const nodesMayBeLost of [false, true]) {
    it(`never cuts off a writer whose pod is healthy, and never has two, ${nodesMayBeLost ? "though nodes are lost" : "while no node is lost"}`, (t) => {
      const explored = explore(releaseProtocol(new Set(), { nodesMayBeLost }), STATES_MAX);
      assert.equal(explored.kind, "exhausted");
      t.diagnostic(`${explored.states} states, all there are`);
    });
  }

  for (const rule of releaseRules) {
    it(`cuts off a healthy writer without ${rule}: ${because[rule]}`, (t) => {
      const explored = explore(releaseProtocol(new Set([rule]), { nodesMayBeLost: false }), STATES_MAX);
      assert.equal(explored.kind === "fault" && explored.fault, "a healthy writer was cut off");
      t.diagnostic(explored.kind === "fault" ? `${rule}: ${explored.path.length} steps` : "");
    });
  }
});
