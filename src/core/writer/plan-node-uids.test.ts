import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  aNode,
  anObservedVolume,
  aRecord,
  aVolume,
  aWriter,
  identity,
  instanceUriOf,
} from "../testing/objects.ts";
import { planNodeUids } from "./plan-node-uids.ts";
import { planWriter } from "./plan-writer.ts";

describe("planNodeUids", () => {
  const record = aRecord({
    writer: aWriter("node-a"),
    quarantined: [{ ...identity("node-b"), nodeUid: "b-1" }],
  });
  const identifies = (nodeName: string, nodeUid: string) => ({
    kind: "Identify",
    node: { ...identity(nodeName), nodeUid },
  });

  for (const { because, nodes, expected } of [
    {
      because: "an entry is older than the uid",
      nodes: [aNode("node-a", { nodeUid: "a-1" })],
      expected: [identifies("node-a", "a-1")],
    },
    {
      because: "the Node was recreated",
      nodes: [aNode("node-b", { nodeUid: "b-2" })],
      expected: [identifies("node-b", "b-2")],
    },
    { because: "the entry bears it", nodes: [aNode("node-b", { nodeUid: "b-1" })], expected: [] },
    { because: "no uid is known", nodes: [aNode("node-a"), aNode("node-b")], expected: [] },
    {
      because: "another VM has the name",
      nodes: [aNode("node-b", { nodeUid: "b-2", vmId: "vm-of-another" })],
      expected: [],
    },
    {
      because: "another VM has the name, and its token reports this one's vmId",
      nodes: [aNode("node-b", { nodeUid: "b-2", instanceUri: instanceUriOf("node-x") })],
      expected: [],
    },
    { because: "its plug-in has not registered", nodes: [], expected: [] },
  ]) {
    it(`plans ${expected.length === 0 ? "none" : "one"} where ${because}`, () => {
      assert.deepEqual(planNodeUids(anObservedVolume({ nodes }), record), expected);
    });
  }

  it("precedes the other steps of the record, and names each node once", () => {
    const node = aNode("node-a", { nodeUid: "a-1" });
    const twice = aRecord({ quarantined: [identity("node-a")], unverified: [identity("node-a")] });
    const observed = anObservedVolume({ volume: aVolume({ status: { record: twice } }), nodes: [node] });
    assert.deepEqual(
      planWriter(observed)
        .map(({ kind }) => kind)
        .filter((kind, index) => index === 0 || kind === "Identify"),
      ["Identify"],
    );
  });
});
