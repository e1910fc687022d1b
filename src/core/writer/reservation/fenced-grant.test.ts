import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../../api/az-volume-attachment.ts";
import {
  anAttachment,
  anObservedVolume,
  aVolumeWithRecord,
  aWriter,
  identity,
} from "../../testing/objects.ts";
import type { RecordChanges } from "../../testing/record-lists.ts";
import { planWriter } from "../plan-writer.ts";
import type { WriterAction } from "../writer-action.ts";
import { fencedGrant, mayPreempt } from "./fenced-grant.ts";
import { grantKey } from "./reservation-key.ts";

const [a, b] = [identity("node-a"), identity("node-b")];
const writer = aWriter("node-a", { requested: false });
const fenced: RecordChanges = { writer, fencing: a };
const volume = aVolumeWithRecord(fenced);
const key = grantKey({ volumeUid: volume.metadata.uid, storeIncarnation: 0, writer });

describe("fencedGrant", () => {
  it("is the grant of a holder that is being fenced", () => {
    assert.deepEqual(fencedGrant(volume), { node: a, epoch: writer.epoch, key });
  });

  for (const [because, record] of [
    ["nothing is fenced", { writer }],
    ["it has released the volume during its fence", { writer: { ...writer, held: false }, fencing: a }],
    ["another node is fenced", { writer, fencing: b }],
    ["an unverified node is fenced, which may have mounted by any grant", { fencing: a, unverified: [a] }],
  ] as const satisfies readonly (readonly [string, RecordChanges])[])
    it(`is none where ${because}`, () => assert.equal(fencedGrant(aVolumeWithRecord(record)), undefined));
});

describe("mayPreempt", () => {
  for (const [because, record, victim, may] of [
    ["a clean node preempts the fenced grant", fenced, key, true],
    ["it has seen an older grant", fenced, "617a000000000000", false],
    ["the fence is over", { writer: aWriter("node-b") }, key, false],
    // The holder of a reservation can write.
    ["it may have a dead mount itself", { ...fenced, quarantined: [b] }, key, false],
    ["it may have the volume mounted itself", { ...fenced, unverified: [b] }, key, false],
    [
      "its VM may have one under another name",
      { ...fenced, quarantined: [{ ...b, nodeName: "node-z" }] },
      key,
      false,
    ],
    ["a detach from it may be on its way", { ...fenced, barrierPending: [b] }, key, false],
    [
      "an adopted disk, of which it has not shown itself clean",
      { ...fenced, defaultAccess: "quarantined" },
      key,
      false,
    ],
  ] as const satisfies readonly (readonly [string, RecordChanges, string, boolean])[])
    it(`answers ${may}: ${because}`, () =>
      assert.equal(mayPreempt(aVolumeWithRecord(record), b, victim), may));

  it("never lets a node preempt itself, under another name either", () => {
    for (const nodeName of [a.nodeName, "node-z"])
      assert.equal(mayPreempt(volume, { nodeName, vmId: a.vmId.toUpperCase() }, key), false);
  });
});

describe("planWriter for a node that is being fenced", () => {
  const report = anAttachment("node-b", { status: { preempted: key } });
  const planned = (...attachments: readonly AzVolumeAttachment[]): readonly WriterAction[] =>
    planWriter(anObservedVolume({ volume, attachments }));

  it("takes its grant once a node with the disk has preempted it", () => {
    assert.deepEqual(planned(report), [
      { kind: "RecordPreempted", node: a, epoch: writer.epoch, by: "node-b" },
    ]);
  });

  for (const [because, attachment] of [
    ["no node reports it", anAttachment("node-b")],
    [
      "the report is of an earlier grant",
      anAttachment("node-b", { status: { preempted: "617a000000000000" } }),
    ],
    [
      "the disk is not attached there",
      anAttachment("node-b", { status: { state: "Detaching", preempted: key } }),
    ],
    ["the fenced node itself reports it", anAttachment("node-a", { status: { preempted: key } })],
    [
      "its VM reports it as another node",
      anAttachment("node-b", { status: { preempted: key, vmId: a.vmId.toUpperCase() } }),
    ],
  ] as const)
    it(`waits for Azure's proof where ${because}`, () => assert.deepEqual(planned(attachment), []));
});
