import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { includesNode, type NodeIdentity } from "../../api/identity/node-identity.ts";
import { aRecord, identity } from "../../testing/objects.ts";
import { type NodeOnVm, unverifiedOn } from "./unverified-on.ts";

const nodeA = identity("node-a");
const { instanceUri } = nodeA;
const stranger = identity("stranger");
const entries = {
  name: { ...identity("other-vm"), nodeName: "node-a" },
  resourceId: { ...nodeA, nodeName: instanceUri },
  firstName: { ...nodeA, nodeName: "first-name" },
  outside: { ...stranger, nodeName: stranger.instanceUri },
  otherNode: identity("node-b"),
} satisfies Record<string, NodeIdentity>;
const record = aRecord({ unverified: Object.values(entries) });

function found(node: Partial<NodeOnVm>): readonly string[] {
  const on = unverifiedOn(record, { nodeName: "node-a", instanceUri: undefined, isLost: false, ...node });
  return Object.entries(entries).flatMap(([what, entry]) => (includesNode(on, entry) ? [what] : []));
}

describe("unverifiedOn", () => {
  it("finds the VM that the orchestrator reports, under any name and in any case", () => {
    const named = { instanceUri: instanceUri.toUpperCase() };
    assert.deepEqual(found(named), ["name", "resourceId", "firstName"]);
    assert.deepEqual(found({ ...named, isLost: true }), ["name", "resourceId", "firstName"]);
  });

  it("finds each VM outside where no VM is reported, unless the node is lost", () => {
    assert.deepEqual(found({}), ["name", "resourceId", "outside"]);
    assert.deepEqual(found({ isLost: true }), ["name"]);
  });

  it("finds none without a record", () => {
    const node = { nodeName: "node-a", instanceUri: undefined, isLost: false };
    assert.deepEqual(unverifiedOn(undefined, node), []);
  });
});
