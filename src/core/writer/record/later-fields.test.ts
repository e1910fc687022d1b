import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { WriterRecord } from "../../api/az-volume.ts";
import { aRecord, aWriter, identity } from "../../testing/objects.ts";
import {
  acquire,
  beginFence,
  clearMark,
  distrust,
  endFence,
  foundRecord,
  grant,
  identifyByName,
  identifyByUid,
  mayAttach,
  preempt,
  proveClean,
  prune,
  reclaim,
  release,
  renew,
  revoke,
  type Step,
  withdraw,
} from "./writer-steps.ts";

const a = identity("node-a");
const b = identity("node-b");
/** The same VM as node-a, by its resource id alone. */
const nameless = { ...a, nodeName: "", nodeUid: undefined };
const held = aRecord({ writer: aWriter("node-a") });
const granted = aRecord({ writer: aWriter("node-a", { held: false }) });
const unrequested = aRecord({ writer: aWriter("node-a", { requested: false }) });
const found = foundRecord({ unverified: [a], epoch: 4, storeIncarnation: 0 });
const unconfirmed = foundRecord({ unverified: [], unconfirmed: [a], epoch: 4, storeIncarnation: 0 });
const quarantined = aRecord({ quarantined: [a] });
const fencing = { ...unrequested, fencing: a };

describe("steps of a writer record", () => {
  const rows: Readonly<Record<string, (withLater: <T extends WriterRecord>(record: T) => T) => Step>> = {
    grant: (withLater) => grant(withLater(aRecord()), a),
    acquire: (withLater) => acquire(withLater(granted), a, { isClean: true, storeIncarnation: 0 }),
    release: (withLater) => release(withLater(held), a, held.epoch),
    revoke: (withLater) =>
      revoke(withLater(aRecord({ writer: aWriter("node-a", { held: false, requested: false }) }))),
    withdraw: (withLater) => withdraw(withLater(held), a),
    renew: (withLater) => renew(withLater(unrequested), a),
    beginFence: (withLater) => beginFence(withLater(unrequested), a),
    preempt: (withLater) => preempt(withLater(fencing), a, fencing.epoch),
    endFence: (withLater) => endFence(withLater(fencing), a, fencing),
    "distrust of the writer": (withLater) => distrust(withLater(granted), a, "writer"),
    "distrust of another": (withLater) => distrust(withLater(granted), b, "stray"),
    clearMark: (withLater) => clearMark(withLater(unconfirmed), a, "unconfirmed"),
    proveClean: (withLater) => proveClean(withLater(quarantined), a, "quarantined"),
    reclaim: (withLater) => reclaim(withLater(found), a, 0),
    identifyByUid: (withLater) => identifyByUid(withLater(found), { ...a, nodeUid: "another" }),
    identifyByName: (withLater) =>
      identifyByName(
        withLater(foundRecord({ unverified: [nameless], epoch: 4, storeIncarnation: 0 })),
        nameless,
        a,
      ),
    prune: (withLater) => prune(withLater(quarantined), a, "quarantined"),
  };

  for (const [name, step] of Object.entries(rows))
    it(`keep a record's field of a later version: ${name}`, () => {
      const stepped = step((record) => ({ ...record, later: { kept: true } }));
      assert.ok(stepped.ok, stepped.ok ? "" : stepped.failure);
      assert.deepEqual((stepped.value as WriterRecord & { later?: unknown }).later, { kept: true });
    });

  for (const [name, step] of [
    ["acquire", (record: WriterRecord) => acquire(record, a, { isClean: true, storeIncarnation: 0 })],
    ["withdraw", (record: WriterRecord) => withdraw(record, a)],
  ] as const)
    it(`keep a writer's field of a later version: ${name}`, () => {
      const writer = { ...aWriter("node-a", { held: false }), later: 1 };
      const stepped = step(aRecord({ writer }));
      assert.equal(stepped.ok && (stepped.value.writer as typeof writer | undefined)?.later, 1);
    });

  it("take an access of a later version for quarantine", () => {
    const record = { ...aRecord(), nodes: [{ ...a, access: "later" }] } as unknown as WriterRecord;
    assert.equal(mayAttach(record, a), false);
    assert.equal(grant(record, a).ok, false);
  });
});
