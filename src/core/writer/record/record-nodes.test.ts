import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Access, RecordNode, WriterRecord } from "../../api/az-volume.ts";
import type { NodeIdentity, NodeKey } from "../../api/identity/node-identity.ts";
import { entryOf, isNamed, type EntryMarks, nodesIn, withMarks } from "./record-nodes.ts";
import { foundRecord, newRecord } from "./writer-steps.ts";

const identity = (nodeName: string, vmId: string): NodeIdentity => ({
  nodeName,
  vmId,
  instanceUri: `/vms/${vmId}`,
});
const a = identity("node-a", "vm-2");
const earlierA = identity("node-a", "vm-1");
const laterA = identity("node-a", "vm-3");
const b = identity("node-b", "vm-0");
const c = identity("node-c", "vm-9");

const fresh = newRecord(0);
const found = foundRecord({ unverified: [], epoch: 0, storeIncarnation: 0 });

/** The list as literals: `withMarks`, which other tests build records with, is what is tested here. */
const listed = (...nodes: readonly RecordNode[]): WriterRecord => ({ ...fresh, nodes });

const accessOf = (record: WriterRecord, node: NodeKey): Access =>
  entryOf(record, node)?.access ?? record.defaultAccess;

describe("withMarks", () => {
  const quarantined: EntryMarks = { access: "quarantined" };

  it("keeps entries in order of name and vmId, whatever comes first", () => {
    const [first, second, third, fourth, fifth] = [earlierA, a, laterA, b, c].map((node) => ({
      ...node,
      access: "quarantined" as const,
    }));
    assert.ok(first && second && third && fourth && fifth);
    for (const order of [
      [c, b, laterA, a, earlierA],
      [earlierA, a, laterA, b, c],
      [b, laterA, c, earlierA, a],
    ])
      assert.deepEqual(
        order.reduce((record, node) => withMarks(record, node, quarantined), fresh),
        listed(first, second, third, fourth, fifth),
      );
  });

  it("replaces the entry of that VM as a whole, and no other", () => {
    const record = listed(
      { ...earlierA, access: "quarantined" },
      { ...a, access: "unverified", unconfirmed: true },
    );
    assert.deepEqual(
      withMarks(record, a, { access: "quarantined", barrierPending: true }),
      listed({ ...earlierA, access: "quarantined" }, { ...a, access: "quarantined", barrierPending: true }),
    );
  });

  it("lists a node only if that says more than the default", () => {
    const rows: readonly (readonly [EntryMarks, readonly RecordNode[], readonly RecordNode[]])[] = [
      [{}, [], []],
      [{ access: "clean" }, [], [{ ...a, access: "clean" }]],
      [quarantined, [{ ...a, access: "quarantined" }], [{ ...a, access: "quarantined" }]],
      [{ barrierPending: true }, [{ ...a, barrierPending: true }], [{ ...a, barrierPending: true }]],
    ];
    for (const [marks, inFresh, inFound] of rows) {
      const known = (record: WriterRecord): WriterRecord => ({
        ...record,
        nodes: [{ ...a, access: "unverified" }],
      });
      assert.deepEqual(withMarks(known(fresh), a, marks), { ...fresh, nodes: inFresh });
      assert.deepEqual(withMarks(known(found), a, marks), { ...found, nodes: inFound });
    }
  });
});

describe("two entries of one VM, which only another client writes", () => {
  const clean: RecordNode = { ...a, vmId: a.vmId.toUpperCase(), access: "clean" };
  const [unverified, quarantined, byDefault]: readonly RecordNode[] = [
    { ...a, access: "unverified" },
    { ...a, access: "quarantined" },
    { ...a, barrierPending: true },
  ];
  assert.ok(unverified && quarantined && byDefault);

  for (const { defaultAccess, entries, access } of [
    { defaultAccess: "clean", entries: [clean, unverified], access: "unverified" },
    { defaultAccess: "clean", entries: [clean, quarantined], access: "quarantined" },
    { defaultAccess: "clean", entries: [quarantined, unverified, clean], access: "unverified" },
    { defaultAccess: "quarantined", entries: [clean, byDefault], access: "quarantined" },
  ] as const)
    it(`allow what the strictest does: ${access} of ${entries.length}, by default ${defaultAccess}`, () =>
      assert.equal(accessOf({ ...fresh, defaultAccess, nodes: entries }, a), access));
});

describe("the nodes of a record", () => {
  const writer = { ...laterA, epoch: 1, held: true, requested: true };
  const record: WriterRecord = {
    ...listed(
      { ...earlierA, access: "unverified" },
      { ...a, access: "unverified", unconfirmed: true },
      { ...b, access: "quarantined", barrierPending: true },
      { ...c, access: "clean" },
    ),
    writer,
    fencing: earlierA,
  };

  it("are named by role, as identities", () => {
    assert.deepEqual(
      {
        writer: nodesIn(record, "writer"),
        holder: nodesIn(record, "holder"),
        released: nodesIn({ ...record, writer: { ...writer, held: false } }, "holder"),
        fencing: nodesIn(record, "fencing"),
        unverified: nodesIn(record, "unverified"),
        confirmed: nodesIn(record, "confirmed"),
        unconfirmed: nodesIn(record, "unconfirmed"),
        quarantined: nodesIn(record, "quarantined"),
        clean: nodesIn(record, "clean"),
        barrierPending: nodesIn(record, "barrierPending"),
        several: nodesIn(record, "fencing", "unverified", "clean"),
      },
      {
        writer: [laterA],
        holder: [laterA],
        released: [],
        fencing: [earlierA],
        unverified: [earlierA, a],
        confirmed: [earlierA],
        unconfirmed: [a],
        quarantined: [b],
        clean: [c],
        barrierPending: [b],
        several: [earlierA, earlierA, a, c],
      },
    );
    assert.deepEqual(nodesIn(undefined, "writer"), []);
    assert.deepEqual(nodesIn(fresh, "writer", "fencing"), []);
  });

  it("are found by VM or by name, and have the default access if not listed", () => {
    assert.deepEqual(
      [isNamed(record, a, "unverified"), isNamed(record, a, "confirmed"), isNamed(record, b, "clean")],
      [true, false, false],
    );
    assert.deepEqual(
      [isNamed(record, "node-a", "confirmed"), isNamed(record, "node-b", "clean")],
      [true, false],
    );
    assert.deepEqual(
      [accessOf(record, a), accessOf(record, identity("node-b", "vm-7")), accessOf(found, b)],
      ["unverified", "clean", "quarantined"],
    );
  });
});
