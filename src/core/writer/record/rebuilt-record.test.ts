import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { WriterRecord } from "../../api/az-volume.ts";
import { aRecord, aWriter, identity } from "../../testing/objects.ts";
import { listIn, type RecordChanges } from "../../testing/record-lists.ts";
import { type KnownUse, rebuiltRecord } from "./rebuilt-record.ts";

const [a, b, c] = [identity("node-a"), identity("node-b"), identity("node-c")];
const movedA = { ...a, instanceUri: c.instanceUri };
const VM = "/subscriptions/sub-1/vm-7";
const foreign = { nodeName: VM, vmId: VM, instanceUri: VM };
const NOTHING: KnownUse = { attachedTo: [], checkpointed: [], quarantined: [], epochs: [], hadRecord: false };
const lost = { kind: "lost", storeIncarnation: 3 } as const;

/** A record that was found, as a rebuild for incarnation 3 writes it. */
function found(changes: RecordChanges): WriterRecord {
  return aRecord({ defaultAccess: "quarantined", storeIncarnation: 3, ...changes });
}

describe("rebuiltRecord of a record that is lost", () => {
  const rows: readonly {
    readonly because: string;
    readonly present?: RecordChanges;
    readonly known: Partial<KnownUse>;
    readonly expected: WriterRecord | undefined;
  }[] = [
    {
      because: "Azure, a checkpoint and the tags name nodes, and there was no record",
      known: { attachedTo: [a, foreign], checkpointed: [b, a], quarantined: [c], epochs: [7, 5] },
      expected: found({
        unverified: [a, foreign, { ...b, unconfirmed: true }],
        quarantined: [c],
        epoch: 7,
      }),
    },
    {
      because: "an earlier record may have allowed an update to a node's VM",
      known: { attachedTo: [a, foreign], checkpointed: [b], hadRecord: true },
      expected: found({
        unverified: [a, foreign, { ...b, unconfirmed: true }],
        barrierPending: [a, b],
      }),
    },
    {
      because: "the record of another incarnation has a holder, and Azure lists another node",
      present: { writer: aWriter("node-b", { epoch: 4 }) },
      known: { attachedTo: [a], epochs: [2] },
      expected: found({ unverified: [a, b], barrierPending: [a, b], epoch: 4 }),
    },
    {
      because: "its writer holds nothing: no acquire succeeds any more",
      present: { writer: aWriter("node-b", { held: false }) },
      known: {},
      expected: found({ epoch: 1 }),
    },
    {
      because: "it names an unverified, an unconfirmed and a fenced node",
      present: { unverified: [a, { ...b, unconfirmed: true }], quarantined: [c] },
      known: {},
      expected: found({
        unverified: [a, { ...b, unconfirmed: true }],
        quarantined: [c],
        barrierPending: [a, b],
      }),
    },
    {
      because: "only a reservation keeps a node from writing, and Azure does not list it",
      present: {
        writer: aWriter("node-b", { epoch: 4 }),
        fencing: { ...a, preempted: 3 },
        quarantined: [a],
      },
      known: { attachedTo: [b] },
      expected: found({
        unverified: [{ ...a, wasQuarantined: true }, b],
        barrierPending: [a, b],
        epoch: 4,
      }),
    },
    {
      because: "it names an unverified node that was fenced before",
      present: { unverified: [{ ...a, wasQuarantined: true }] },
      known: {},
      expected: found({ unverified: [{ ...a, wasQuarantined: true }], barrierPending: [a] }),
    },
    {
      because: "Azure lists a node's VM under another resource id than its checkpoint",
      present: { barrierPending: [movedA] },
      known: { attachedTo: [a], checkpointed: [movedA] },
      expected: found({ unverified: [a], barrierPending: [a] }),
    },
    {
      because: "Azure lists the disk on an unconfirmed node",
      present: { unverified: [{ ...b, unconfirmed: true }] },
      known: { attachedTo: [b] },
      expected: found({ unverified: [b], barrierPending: [b] }),
    },
    {
      because: "a write barrier is pending for a node that has reported clean",
      present: { clean: [a], barrierPending: [a] },
      known: {},
      expected: found({ barrierPending: [a] }),
    },
    {
      because: "the earlier object's record has a holder, and Azure lists no node",
      known: { earlier: aRecord({ writer: aWriter("node-b", { epoch: 4 }), quarantined: [c] }) },
      expected: found({ unverified: [b], quarantined: [c], barrierPending: [b], epoch: 4 }),
    },
    {
      because: "it has a later holder than the earlier object's record",
      present: { writer: aWriter("node-b", { epoch: 4 }) },
      known: { earlier: aRecord({ writer: aWriter("node-a", { epoch: 2 }) }) },
      expected: found({ unverified: [b], barrierPending: [b], epoch: 4 }),
    },
    {
      because: "it was rebuilt before, and Azure lists a VM that it did not list then",
      present: { storeIncarnation: 3, defaultAccess: "quarantined", clean: [b] },
      known: { attachedTo: [a, b, foreign] },
      expected: found({ unverified: [a, foreign], clean: [b], barrierPending: [a] }),
    },
    {
      because: "it was rebuilt before, and names all VMs that Azure lists",
      present: { storeIncarnation: 3, defaultAccess: "quarantined", clean: [b], quarantined: [c] },
      known: { attachedTo: [b, c] },
      expected: undefined,
    },
    {
      because: "it is of that incarnation, was never rebuilt, and Azure lists a VM",
      present: { storeIncarnation: 3 },
      known: { attachedTo: [a] },
      expected: undefined,
    },
    {
      because: "it is of that incarnation",
      present: { storeIncarnation: 3 },
      known: {},
      expected: undefined,
    },
  ];
  for (const { because, present, known, expected } of rows)
    it(`decides where ${because}`, () => {
      const replaced = present === undefined ? undefined : aRecord(present);
      assert.deepEqual(rebuiltRecord(replaced, { ...NOTHING, ...known }, lost), expected);
    });
});

describe("rebuiltRecord of a volume that another driver has published", () => {
  const rebuilt = (present: RecordChanges | undefined): WriterRecord | undefined =>
    rebuiltRecord(
      present === undefined ? undefined : aRecord(present),
      { ...NOTHING, attachedTo: [a] },
      { kind: "rediscovered", nodeName: "node-a" },
    );

  for (const { because, present, checkpointed, expected, epoch = 0 } of [
    { because: "its checkpoint has another", present: {}, checkpointed: [movedA], expected: a },
    {
      because: "its pending write barrier has another",
      present: { clean: [movedA], barrierPending: [movedA] },
      checkpointed: [],
      expected: a,
    },
    {
      because: "it was unverified at another, with a pending write barrier",
      present: { unverified: [movedA], barrierPending: [movedA] },
      checkpointed: [],
      expected: a,
    },
    {
      because: "it was clean at another, with the uid of its Node",
      present: { clean: [{ ...movedA, nodeUid: "a-1" }] },
      checkpointed: [],
      expected: { ...a, nodeUid: "a-1" },
    },
    {
      because: "it was the writer at another, with a pending write barrier and the uid of its Node",
      present: {
        writer: { ...aWriter("node-a"), ...movedA, nodeUid: "a-1" },
        barrierPending: [{ ...movedA, nodeUid: "a-1" }],
      },
      checkpointed: [],
      expected: { ...a, nodeUid: "a-1" },
      epoch: 1,
    },
  ])
    it(`names a node at the resource id that Azure shows where ${because}`, () =>
      assert.deepEqual(
        rebuiltRecord(
          aRecord({ defaultAccess: "quarantined", ...present }),
          { ...NOTHING, attachedTo: [a], checkpointed },
          { kind: "rediscovered", nodeName: "node-c" },
        ),
        found({ storeIncarnation: 0, epoch, unverified: [expected], barrierPending: [expected] }),
      ));

  it("trusts no node any more, and requires a write barrier of those named later", () =>
    assert.deepEqual(
      rebuilt({ defaultAccess: "quarantined", writer: aWriter("node-b"), clean: [a] }),
      aRecord({ defaultAccess: "quarantined", unverified: [a, b], barrierPending: [a], epoch: 1 }),
    ));

  for (const { because, present } of [
    { because: "the record names the node", present: { quarantined: [a] } },
    { because: "a node is being fenced", present: { fencing: b } },
    { because: "there is no record", present: undefined },
  ])
    it(`changes nothing where ${because}`, () => assert.equal(rebuilt(present), undefined));
});

describe("the uid of a Node in a rebuilt record", () => {
  const earlier = { ...a, nodeUid: "a-1" };
  const bound = { ...a, nodeUid: "a-2" };
  const other = { ...b, nodeUid: "b-1" };
  for (const { because, present, known, unverified } of [
    {
      because: "the node was unverified",
      present: { unverified: [earlier] },
      known: { attachedTo: [a] },
      unverified: [earlier],
    },
    {
      because: "the node was fenced",
      present: { quarantined: [earlier] },
      known: { attachedTo: [a] },
      unverified: [{ ...earlier, wasQuarantined: true as const }],
    },
    {
      because: "only the node's checkpoint names it",
      present: { barrierPending: [earlier] },
      known: { checkpointed: [a] },
      unverified: [{ ...earlier, unconfirmed: true as const }],
    },
    {
      because: "its checkpoint has one, and its attachment has none",
      present: {},
      known: { checkpointed: [earlier, a] },
      unverified: [{ ...earlier, unconfirmed: true as const }],
    },
    {
      because: "Azure does not list the node, and it held the volume",
      present: { writer: { ...aWriter("node-b"), ...other } },
      known: { attachedTo: [a] },
      unverified: [a, other],
    },
    {
      because: "its Node names the VM, and was recreated",
      present: { unverified: [earlier] },
      known: { attachedTo: [bound] },
      unverified: [bound],
    },
  ])
    it(`is known where ${because}`, () => {
      const record = rebuiltRecord(aRecord(present), { ...NOTHING, ...known }, lost);
      assert.deepEqual(listIn(record, "unverified"), unverified);
    });
});
