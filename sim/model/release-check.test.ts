import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { releaseProtocol, type ReleaseRule, releaseRules } from "./release-check/release-protocol.ts";
import { explore } from "./state-space/explore.ts";

/** Far above what there is: reached only if a change makes the space grow without end. */
const STATES_MAX = 5_000_000;

/** What goes wrong without each rule, in one sentence. */
const because: Readonly<Record<ReleaseRule, string>> = {
  request: "another node's request is enough for a fence",
  mark: "the writer is not marked unrequested first, so a new user cannot renew",
  pods: "users are not checked",
  order: "users are asked for before the record is read: one that comes in between is seen by neither",
  cas: "*begin fence* overwrites a request that was renewed in between",
  renew: "NodePublishVolume binds without renewing the request",
  ending: "a release ends the fence, and an earlier detach lands on a writer",
};

describe("the release check, explored in full with the steps that ship", () => {
  for (const nodesMayBeLost of [false, true]) {
    it(
      "never fences a writer with a healthy pod, nor has two, " +
        `${nodesMayBeLost ? "with lost nodes" : "without lost nodes"}`,
      (t) => {
        const explored = explore(releaseProtocol(new Set(), { nodesMayBeLost }), STATES_MAX);
        assert.equal(explored.kind, "exhausted");
        t.diagnostic(`${explored.states} states, all there are`);
      },
    );
  }

  for (const rule of releaseRules) {
    it(`fences a healthy writer without ${rule}: ${because[rule]}`, (t) => {
      const explored = explore(releaseProtocol(new Set([rule]), { nodesMayBeLost: false }), STATES_MAX);
      assert.equal(explored.kind === "fault" && explored.fault, "a healthy writer was fenced");
      t.diagnostic(explored.kind === "fault" ? `${rule}: ${explored.path.length} steps` : "");
    });
  }
});
