import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { recallProtocol, type RecallRule, recallRules } from "./recall/recall-protocol.ts";
import { explore } from "./state-space/explore.ts";

/** Far above what there is: reached only if a change makes the space grow without end. */
const STATES_MAX = 5_000_000;

/** What goes wrong without each rule: whom it cuts off. */
const cutOff: Readonly<Record<RecallRule, string>> = {
  id: "a writer was cut off for not answering",
  watched: "a writer was cut off while its unmount moved on",
  answer: "a writer was cut off for not answering",
  witness: "a writer was cut off though it is alive",
};

describe("the recall, explored in full with the plan that ships", () => {
  it("never cuts off a node that answers and whose unmount moves on, nor one that only can't be heard", (t) => {
    const explored = explore(recallProtocol(new Set()), STATES_MAX);
    assert.equal(explored.kind, "exhausted");
    t.diagnostic(`${explored.states} states, all there are with two recalls`);
  });

  for (const rule of recallRules) {
    it(`cuts off the wrong node without ${rule}`, (t) => {
      const explored = explore(recallProtocol(new Set([rule])), STATES_MAX);
      assert.equal(explored.kind === "fault" && explored.fault, cutOff[rule]);
      t.diagnostic(explored.kind === "fault" ? `${rule}: ${explored.path.length} steps` : "");
    });
  }
});
