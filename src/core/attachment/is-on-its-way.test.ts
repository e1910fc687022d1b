import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import {
  aVolumeWithRecord,
  aWriter,
  agoMs,
  anAttachment,
  anObservedVolume,
  identity,
} from "../testing/objects.ts";
import { isOnItsWay } from "./is-on-its-way.ts";

const node = identity("node-a");
const pending = anAttachment("node-a", { status: { state: "Pending" } });
const attached = anAttachment("node-a");
const { writerRequest: _, ...withdrawnSpec } = attached.spec;
const withdrawn: AzVolumeAttachment = { ...attached, spec: withdrawnSpec };
const replica: AzVolumeAttachment = { ...withdrawn, spec: { ...withdrawnSpec, role: "Replica" } };
const deleted = anAttachment("node-a", { metadata: { deletionTimestamp: agoMs(0) } });
const failed = anAttachment("node-a", {
  status: {
    state: "AttachmentFailed",
    error: { kind: "CloudUnavailable", message: "", failure: "", time: agoMs(0), retries: 1 },
  },
});

describe("isOnItsWay", () => {
  const rows: readonly (readonly [
    string,
    AzVolumeAttachment,
    Partial<Parameters<typeof isOnItsWay>[1]>,
    boolean,
  ])[] = [
    ["an attach that has just been requested", pending, {}, true],
    ["one that was requested a second ago", pending, { unchangedMs: 1000 }, true],
    ["one that waits for longer", pending, { unchangedMs: 1001 }, false],
    ["one of another VM", pending, { node: identity("node-b") }, false],
    ["one that has failed and waits for its next try", failed, {}, false],
    ["a disk that is attached and used", attached, {}, false],
    ["a disk whose request has just been withdrawn", withdrawn, {}, true],
    ["one of another VM, whose request was withdrawn", withdrawn, { node: identity("node-b") }, false],
    ["a replica, which stays attached", replica, {}, false],
    ["one whose request was withdrawn long ago: its pod still runs", withdrawn, { unchangedMs: 5000 }, false],
    ["a disk whose attachment has just been deleted", deleted, {}, true],
  ];
  for (const [name, attachment, change, expected] of rows)
    it(`${expected ? "counts" : "does not count"} ${name}`, () => {
      const record = attachment === attached ? { writer: aWriter("node-a") } : {};
      const observed = anObservedVolume({ attachments: [attachment], volume: aVolumeWithRecord(record) });
      assert.equal(isOnItsWay(observed, { attachment, node, unchangedMs: 20, ...change }), expected);
    });
});
