import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nodeLabel } from "../../api/node-labels.ts";
import { aVolumeWithRecord, aWriter, identity } from "../../testing/objects.ts";
import { type RecordChanges } from "../../testing/record-lists.ts";
import { planNodeLabels, SPARE_LABELS_MAX, withRecordLabels } from "./node-labels.ts";

const foreign = { ...identity("x"), nodeName: identity("x").instanceUri };

function labelsOf(...nodeNames: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(nodeNames.map((nodeName) => [nodeLabel(nodeName), ""]));
}

function aLabelled(record: RecordChanges, labels: Readonly<Record<string, string>>) {
  const volume = aVolumeWithRecord(record);
  return { ...volume, metadata: { ...volume.metadata, labels } };
}

describe("withRecordLabels", () => {
  const rows: readonly {
    readonly role: string;
    readonly record: RecordChanges;
    readonly isLabelled: boolean;
  }[] = [
    { role: "the writer", record: { writer: aWriter("node-a", { held: false }) }, isLabelled: true },
    { role: "being fenced", record: { fencing: identity("node-a") }, isLabelled: true },
    { role: "in quarantine", record: { quarantined: [identity("node-a")] }, isLabelled: true },
    { role: "unverified", record: { unverified: [identity("node-a")] }, isLabelled: true },
    { role: "behind a write barrier", record: { barrierPending: [identity("node-a")] }, isLabelled: true },
    { role: "clean", record: { clean: [identity("node-a")] }, isLabelled: false },
    { role: "no node of the cluster", record: { unverified: [foreign] }, isLabelled: false },
  ];
  for (const { role, record, isLabelled } of rows)
    it(`${isLabelled ? "labels" : "does not label"} a volume for a VM that is ${role}`, () =>
      assert.deepEqual(
        withRecordLabels(aLabelled(record, { team: "storage" })),
        isLabelled ? { team: "storage", ...labelsOf("node-a") } : undefined,
      ));

  it("keeps every label that is there, and is content with them", () => {
    const record = { writer: aWriter("node-a"), quarantined: [identity("node-b")] };
    const labels = withRecordLabels(aLabelled(record, labelsOf("node-a", "node-c")));
    assert.deepEqual(labels, labelsOf("node-a", "node-c", "node-b"));
    assert.equal(withRecordLabels(aLabelled(record, labels ?? {})), undefined);
  });

  it("restores a label to which a person has given a value: selectors miss it", () => {
    const labels = { team: "storage", [nodeLabel("node-a")]: "mine" };
    assert.deepEqual(withRecordLabels(aLabelled({ writer: aWriter("node-a") }, labels)), {
      team: "storage",
      ...labelsOf("node-a"),
    });
  });

  it("wants no label where there is no record", () => {
    const { status: _, ...volume } = aVolumeWithRecord({});
    assert.equal(withRecordLabels(volume), undefined);
  });
});

describe("planNodeLabels", () => {
  const record = { writer: aWriter("node-a") };

  it("labels a volume for the nodes of its attachments and of its record alone", () => {
    const labels = planNodeLabels(aLabelled(record, { team: "storage", ...labelsOf("node-z") }), ["node-b"]);
    assert.deepEqual(labels, { team: "storage", ...labelsOf("node-a", "node-b") });
    assert.equal(planNodeLabels(aLabelled(record, labels ?? {}), ["node-b"]), undefined);
  });

  it("leaves a few labels of earlier nodes, and removes more", () => {
    const earlier = Array.from({ length: SPARE_LABELS_MAX }, (_, index) => `earlier-${index}`);
    assert.equal(planNodeLabels(aLabelled(record, labelsOf("node-a", ...earlier)), []), undefined);
    assert.deepEqual(
      planNodeLabels(aLabelled(record, labelsOf("node-a", "one-more", ...earlier)), []),
      labelsOf("node-a"),
    );
  });

  it("restores a label to which a person has given a value, and removes one of no use", () => {
    const labels = { [nodeLabel("node-a")]: "mine", [nodeLabel("node-z")]: "mine" };
    assert.deepEqual(planNodeLabels(aLabelled(record, labels), []), labelsOf("node-a"));
  });

  it("labels no volume that nothing has to do with", () =>
    assert.equal(planNodeLabels(aVolumeWithRecord({}), []), undefined));
});
