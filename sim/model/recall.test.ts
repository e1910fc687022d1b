import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { recallProtocol, type RecallRule, recallRules } from "./recall/recall-protocol.ts";
import { explore } from "./state-space/explore.ts";

/** Far above what there is: reached only if a change makes the space grow without end. */
const STATES_MAX = 5_000_000;

/** What goes wrong without each rule: which node is fenced. */
const cutOff: Readonly<Record<RecallRule, string>> = {
  id: "a writer was fenced for not answering",
  watched: "a writer was fenced while its unmount progressed",
  answer: "a writer was fenced for not answering",
  silent: "a writer was fenced while its unmount progressed",
};

describe("the recall, explored in full with the plan that ships", () => {
  it("never fences a node that answers with progress, or that is only unreachable", (t) => {
    const explored = explore(recallProtocol(new Set()), STATES_MAX);
    assert.equal(explored.kind, "exhausted");
    t.diagnostic(`${explored.states} states, all there are with two recalls`);
  });

  for (const rule of recallRules) {
    it(`fences the wrong node without ${rule}`, (t) => {
      const explored = explore(recallProtocol(new Set([rule])), STATES_MAX);
      assert.equal(explored.kind === "fault" && explored.fault, cutOff[rule]);
      t.diagnostic(explored.kind === "fault" ? `${rule}: ${explored.path.length} steps` : "");
    });
  }
});
