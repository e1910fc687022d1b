import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nodeLabel } from "../../../src/core/api/node-labels.ts";
import { identity } from "../../../src/core/testing/objects.ts";
import { type RecordChanges } from "../../../src/core/testing/record-lists.ts";
import { aHistory, aVolume, aWriter } from "../testing/a-history.ts";
import { watchLabels } from "./watch-labels.ts";

function labelled(record: RecordChanges, ...nodeNames: readonly string[]): ReturnType<typeof aVolume> {
  const volume = aVolume(record);
  const labels = Object.fromEntries(nodeNames.map((nodeName) => [nodeLabel(nodeName), ""]));
  return { ...volume, metadata: { ...volume.metadata, labels } };
}

function changed(before: ReturnType<typeof aVolume>, after: ReturnType<typeof aVolume>): readonly string[] {
  const history = aHistory();
  watchLabels(history);
  history.commit({ kind: "AzVolume", name: "vol-1", before, after });
  return history.invariants();
}

describe("labels of nodes that a record names", () => {
  const idle = labelled({});

  for (const [role, record] of Object.entries({
    writer: { writer: aWriter("node-a", 1) },
    fenced: { fencing: identity("node-a") },
    quarantined: { quarantined: [identity("node-a")] },
    unverified: { unverified: [identity("node-a")] },
  }))
    it(`reports a node that is ${role} and has no label`, () => {
      assert.deepEqual(changed(idle, labelled(record, "node-b")), ["unlabelled"]);
      assert.deepEqual(changed(idle, labelled(record, "node-a")), []);
    });

  it("reports a label that goes while the record names its node", () => {
    const record = { writer: aWriter("node-a", 1) };
    assert.deepEqual(changed(labelled(record, "node-a"), labelled(record)), ["unlabelled"]);
  });

  it("reports a label that is missing once", () => {
    const lost = labelled({ writer: aWriter("node-a", 1) });
    assert.deepEqual(changed(lost, labelled({ writer: { ...aWriter("node-a", 1), held: false } })), []);
  });

  it("reports no node that is clean, and no VM that is no node", () => {
    const foreign = { ...identity("node-a"), nodeName: identity("node-a").instanceUri };
    const record = { clean: [identity("node-a")], unverified: [foreign] };
    assert.deepEqual(changed(idle, labelled(record)), []);
  });
});
