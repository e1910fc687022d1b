import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aVolume } from "../../../checkers/testing/a-history.ts";
import { anAttachment } from "../../../checkers/testing/a-rest-world.ts";
import { leadsToDelete } from "./stale-before-delete.ts";

const volume = aVolume();
const primary = anAttachment("node-a", "Primary");
const replica = anAttachment("node-a", "Replica");
const deleted = { ...replica, metadata: { ...replica.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };

describe("what leads to a deletion", () => {
  for (const { because, kind, before, after, expected } of [
    {
      because: "a deletion that is done",
      kind: "AzVolume",
      before: volume,
      after: undefined,
      expected: true,
    },
    {
      because: "a deletion that begins",
      kind: "AzVolumeAttachment",
      before: replica,
      after: deleted,
      expected: true,
    },
    {
      because: "DeleteVolume's mark",
      kind: "AzVolume",
      before: volume,
      after: { ...volume, spec: { ...volume.spec, deleteRequested: true } },
      expected: true,
    },
    {
      because: "a request that ends, and a writer that becomes a replica",
      kind: "AzVolumeAttachment",
      before: primary,
      after: replica,
      expected: true,
    },
    {
      because: "a replica that becomes the writer",
      kind: "AzVolumeAttachment",
      before: replica,
      after: primary,
      expected: false,
    },
    {
      because: "a deletion that continues",
      kind: "AzVolumeAttachment",
      before: deleted,
      after: deleted,
      expected: false,
    },
    {
      because: "an object that is made",
      kind: "AzVolumeAttachment",
      before: undefined,
      after: primary,
      expected: false,
    },
    { because: "a heartbeat", kind: "AzDriverNode", before: volume, after: volume, expected: false },
  ] as const) {
    it(`${expected ? "is" : "is not"} ${because}`, () =>
      assert.equal(leadsToDelete({ kind, before, after }), expected));
  }
});
