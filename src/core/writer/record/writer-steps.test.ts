import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { WriterRecord } from "../../api/az-volume.ts";
import type { NodeIdentity } from "../../api/identity/node-identity.ts";
import { aRecord, aWriter, identity } from "../../testing/objects.ts";
import { listIn, changedRecord } from "../../testing/record-lists.ts";
import { rebuiltRecord } from "./rebuilt-record.ts";
import {
  reclaim,
  distrust,
  endFence,
  beginFence,
  foundRecord,
  release,
  grant,
  identifyByName,
  identifyByUid,
  isInQuarantine,
  mayAttach,
  mayDetach,
  newRecord,
  preempt,
  proveClean,
  prune,
  revoke,
  clearMark,
  type Step,
  acquire,
  withdraw,
  renew,
} from "./writer-steps.ts";

const a = identity("node-a");
const b = identity("node-b");
const c = identity("node-c");
/** Another VM under the same name. */
const newA = { ...identity("node-a"), vmId: "another-vm" };
const clean = { isClean: true, storeIncarnation: 0 };
const unclean = { isClean: false, storeIncarnation: 0 };
const grantedA = aWriter("node-a", { held: false });
const unrequestedA = aWriter("node-a", { requested: false });
const unconfirmedB = { ...identity("node-b"), unconfirmed: true as const };
const foundOnA = foundRecord({ unverified: [a], epoch: 4, storeIncarnation: 0 });

interface Row {
  readonly because: string;
  readonly step: Step;
  /** The next record, or the reason why not. */
  readonly expected: WriterRecord | string;
}

function check(rows: readonly Row[]): void {
  for (const { because, step, expected } of rows) {
    assert.deepEqual(
      step,
      typeof expected === "string" ? { ok: false, failure: expected } : { ok: true, value: expected },
      because,
    );
  }
}

describe("rebuiltRecord of a rediscovered record", () => {
  const after = (present: WriterRecord): WriterRecord | undefined =>
    rebuiltRecord(
      present,
      { attachedTo: [a, b], checkpointed: [c], quarantined: [], epochs: [4], hadRecord: true },
      { kind: "rediscovered", nodeName: "node-d" },
    );
  const found = foundRecord({ unverified: [a, b], unconfirmed: [c], epoch: 4, storeIncarnation: 2 });

  for (const { because, present, barrierPending } of [
    { because: "the record was never rebuilt", present: {}, barrierPending: undefined },
    {
      because: "it comes to name them",
      present: { defaultAccess: "quarantined" as const, clean: [a, b] },
      barrierPending: [a, b, c],
    },
    {
      because: "it waited for one already",
      present: { defaultAccess: "quarantined" as const, unverified: [a], barrierPending: [b] },
      barrierPending: [b, c],
    },
    {
      because: "it trusted one, and another had passed the write barrier",
      present: { defaultAccess: "quarantined" as const, writer: aWriter("node-a"), unverified: [b] },
      barrierPending: [c],
    },
  ])
    it(`lists ${barrierPending?.length ?? 0} nodes with a pending write barrier where ${because}`, () => {
      assert.deepEqual(
        after(aRecord({ ...present, storeIncarnation: 2 })),
        changedRecord(found, { barrierPending: barrierPending ?? [] }),
      );
    });
});

describe("distrust", () => {
  it("makes a VM with an unknown attach unverified, and blocks every grant then", () => {
    const moved = distrust(aRecord({ clean: [identity("node-b")] }), identity("node-b"), "stray");
    assert.ok(moved.ok);
    assert.deepEqual(
      [listIn(moved.value, "unverified"), listIn(moved.value, "clean")],
      [[identity("node-b")], []],
    );
    assert.equal(grant(moved.value, identity("node-c")).ok, false);
    assert.equal(mayDetach(moved.value, identity("node-b")), false);
  });

  it("gives a node a pending write barrier by a rebuilt record, a foreign VM never", () => {
    const found = aRecord({ defaultAccess: "quarantined" });
    const vm = "/subscriptions/sub-1/vm-7";
    const foreign = { nodeName: vm, vmId: vm, instanceUri: vm };
    check([
      {
        because: "it has the disk",
        step: distrust(found, b, "stray"),
        expected: changedRecord(found, { unverified: [b], barrierPending: [b] }),
      },
      {
        because: "it is no node",
        step: distrust(found, foreign, "stray"),
        expected: changedRecord(found, { unverified: [foreign] }),
      },
      {
        because: "no record was lost",
        step: distrust(aRecord(), b, "stray"),
        expected: aRecord({ unverified: [b] }),
      },
    ]);
  });

  // Without one, any token of that name may remove the entry.
  it("keeps the Node's uid from the record", () => {
    const bound = { ...b, nodeUid: "b-1" };
    const found = aRecord({ defaultAccess: "quarantined", quarantined: [bound] });
    check([
      {
        because: "its Node is missing",
        step: distrust(found, b, "stray"),
        expected: changedRecord(found, {
          quarantined: [],
          unverified: [{ ...bound, wasQuarantined: true }],
          barrierPending: [bound],
        }),
      },
      {
        because: "no record was lost",
        step: distrust(aRecord({ quarantined: [bound] }), b, "stray"),
        expected: aRecord({ unverified: [{ ...bound, wasQuarantined: true }] }),
      },
    ]);
  });

  // An old mount command does not end because a person attaches the disk again.
  it("keeps the mark of a fenced node until it is clean, gone, fenced or the writer", () => {
    const bound = { ...b, nodeUid: "b-1" };
    const mark = { wasQuarantined: true as const };
    const lists = { defaultAccess: "quarantined" as const, epoch: 4 };
    const unverified = aRecord({ ...lists, unverified: [{ ...b, ...mark }] });
    const cutOffAgain = foundRecord({
      unverified: [],
      unconfirmed: [b],
      quarantined: [b],
      barrierPending: [b],
      epoch: 4,
      storeIncarnation: 0,
    });
    const unconfirmed = { ...unconfirmedB, ...mark };
    check([
      {
        because: "a record that was lost",
        step: { ok: true, value: cutOffAgain },
        expected: aRecord({ ...lists, unverified: [unconfirmed], barrierPending: [b] }),
      },
      {
        because: "clear the other mark",
        step: clearMark(aRecord({ ...lists, unverified: [unconfirmed] }), b, "unconfirmed"),
        expected: unverified,
      },
      {
        because: "clear its write barrier",
        step: clearMark(cutOffAgain, b, "barrierPending"),
        expected: aRecord({ ...lists, unverified: [unconfirmed] }),
      },
      {
        because: "identify",
        step: identifyByUid(unverified, bound),
        expected: aRecord({ ...lists, unverified: [{ ...bound, ...mark }] }),
      },
      {
        because: "begin fence",
        step: beginFence(unverified, b),
        expected: { ...unverified, fencing: b },
      },
      {
        because: "leave quarantine",
        step: proveClean(unverified, b, "quarantined"),
        expected: "node-b is not in quarantine",
      },
      {
        because: "prove clean",
        step: proveClean(unverified, b, "unverified"),
        expected: aRecord({ ...lists, clean: [b] }),
      },
      {
        because: "detached",
        step: endFence(unverified, b),
        expected: aRecord({ ...lists, quarantined: [b] }),
      },
      {
        because: "end fence",
        step: endFence({ ...unverified, fencing: b }, b, { fencing: b }),
        expected: aRecord({ ...lists, quarantined: [b] }),
      },
      {
        because: "prune",
        step: prune(unverified, b, "unverified"),
        expected: aRecord(lists),
      },
      {
        because: "reclaim",
        step: reclaim(unverified, b, 0),
        expected: aRecord({ ...lists, writer: aWriter("node-b", { epoch: 5 }), epoch: 5 }),
      },
    ]);
  });

  it("is refused for the writer, a node being fenced, and an unverified one", () => {
    for (const record of [
      aRecord({ writer: aWriter("node-b") }),
      aRecord({ fencing: identity("node-b") }),
      aRecord({ unverified: [identity("node-b")] }),
    ])
      assert.equal(distrust(record, identity("node-b"), "stray").ok, false);
  });

  it("makes the grant of the writer a held one, and changes no other", () => {
    check([
      {
        because: "released",
        step: distrust(aRecord({ writer: { ...grantedA, requested: false } }), a, "writer"),
        expected: aRecord({ writer: unrequestedA }),
      },
      {
        because: "not taken",
        step: distrust(aRecord({ writer: grantedA }), a, "writer"),
        expected: aRecord({ writer: unrequestedA }),
      },
      {
        because: "held",
        step: distrust(aRecord({ writer: unrequestedA }), a, "writer"),
        expected: "node-a holds the volume already",
      },
      {
        because: "another VM",
        step: distrust(aRecord({ writer: grantedA }), { ...a, vmId: "another" }, "writer"),
        expected: "node-a is not the writer",
      },
      {
        because: "being fenced",
        step: distrust(aRecord({ writer: grantedA, fencing: a }), a, "writer"),
        expected: "node-a is being fenced",
      },
    ]);
  });
});

describe("grant", () => {
  it("makes a node the writer under the next epoch, not yet held, or says why not", () => {
    const inQuarantine = aRecord({ quarantined: [a] });
    check([
      {
        because: "no node has it",
        step: grant(aRecord({ epoch: 3 }), a),
        expected: aRecord({ writer: { ...grantedA, epoch: 4 }, epoch: 4 }),
      },
      {
        because: "another's quarantine is no obstacle",
        step: grant(aRecord({ quarantined: [b] }), a),
        expected: aRecord({ writer: grantedA, epoch: 1, quarantined: [b] }),
      },
      {
        because: "a new VM is not the one in quarantine",
        step: grant(inQuarantine, newA),
        expected: { ...inQuarantine, writer: { ...grantedA, ...newA }, epoch: 1 },
      },
      {
        because: "there is a writer",
        step: grant(aRecord({ writer: aWriter("node-b") }), a),
        expected: "node-b is the writer",
      },
      {
        because: "even itself",
        step: grant(aRecord({ writer: grantedA }), a),
        expected: "node-a is the writer",
      },
      {
        because: "a node is unverified",
        step: grant(aRecord({ unverified: [b] }), a),
        expected: "nothing proves yet that node-b can't write",
      },
      {
        because: "a fence runs",
        step: grant(aRecord({ fencing: a }), a),
        expected: "node-a is being fenced",
      },
      {
        because: "a fence of another that released in time",
        step: grant(aRecord({ fencing: b }), a),
        expected: aRecord({ fencing: b, writer: grantedA, epoch: 1 }),
      },
      {
        because: "it was fenced and has not shown that it is clean",
        step: grant(inQuarantine, a),
        expected: "node-a is in quarantine until it has shown that it is clean",
      },
      {
        because: "an adopted disk trusts no node that has not reported clean",
        step: grant(foundRecord({ unverified: [], epoch: 0, storeIncarnation: 0 }), b),
        expected: "node-b is in quarantine until it has shown that it is clean",
      },
    ]);
  });
});

describe("acquire", () => {
  it("makes the writer the holder, or says why not", () => {
    check([
      {
        because: "granted",
        step: acquire(aRecord({ writer: grantedA }), a, unclean),
        expected: aRecord({ writer: { ...grantedA, held: true } }),
      },
      {
        because: "GUIDs have no case",
        step: acquire(aRecord({ writer: grantedA }), { ...a, vmId: a.vmId.toUpperCase() }, unclean),
        expected: aRecord({ writer: { ...grantedA, held: true } }),
      },
      {
        because: "held, and clean: after a restart",
        step: acquire(aRecord({ writer: aWriter("node-a") }), a, clean),
        expected: aRecord({ writer: aWriter("node-a") }),
      },
      {
        because: "held, and something may still be mounted",
        step: acquire(aRecord({ writer: aWriter("node-a") }), a, unclean),
        expected: "node-a holds the volume already and is not clean",
      },
      { because: "no writer", step: acquire(aRecord(), a, clean), expected: "no node is the writer" },
      {
        because: "another writer",
        step: acquire(aRecord({ writer: aWriter("node-b") }), a, clean),
        expected: "node-b is the writer",
      },
      {
        because: "another VM of that name",
        step: acquire(aRecord({ writer: grantedA }), newA, clean),
        expected: "node-a is the writer",
      },
      {
        because: "unrequested",
        step: acquire(aRecord({ writer: { ...grantedA, requested: false } }), a, clean),
        expected: "its request is withdrawn, and the grant is to be revoked",
      },
      {
        because: "being fenced",
        step: acquire(aRecord({ writer: grantedA, fencing: a }), a, clean),
        expected: "node-a is being fenced",
      },
      {
        because: "the store was rolled back",
        step: acquire(aRecord({ writer: grantedA, storeIncarnation: 1 }), a, clean),
        expected: "the record is of store incarnation 1, the store of 0",
      },
    ]);
  });
});

describe("release", () => {
  it("releases what is held under that epoch, leaves a fence to its proof, or refuses", () => {
    const given = { ...unrequestedA, held: false };
    check([
      {
        because: "held",
        step: release(aRecord({ writer: unrequestedA }), a, 1),
        expected: aRecord({ writer: given }),
      },
      {
        because: "a detach that was allowed may still land",
        step: release(aRecord({ writer: unrequestedA, fencing: a }), a, 1),
        expected: aRecord({ writer: given, fencing: a }),
      },
      {
        because: "another's fence continues",
        step: release(aRecord({ writer: unrequestedA, fencing: b, unverified: [b] }), a, 1),
        expected: aRecord({ writer: given, fencing: b, unverified: [b] }),
      },
      {
        because: "another epoch",
        step: release(aRecord({ writer: aWriter("node-a", { epoch: 2 }) }), a, 1),
        expected: "the record no longer names this node and epoch",
      },
      {
        because: "another node",
        step: release(aRecord({ writer: aWriter("node-b") }), a, 1),
        expected: "the record no longer names this node and epoch",
      },
      {
        because: "no node",
        step: release(aRecord(), a, 1),
        expected: "the record no longer names this node and epoch",
      },
      {
        because: "not held",
        step: release(aRecord({ writer: grantedA }), a, 1),
        expected: "the volume is not held",
      },
    ]);
  });
});

describe("revoke", () => {
  it("removes a writer without request or hold, or says why not", () => {
    check([
      {
        because: "without a request, not held",
        step: revoke(aRecord({ writer: { ...grantedA, requested: false } })),
        expected: aRecord({ epoch: 1 }),
      },
      { because: "no writer", step: revoke(aRecord()), expected: "there is no writer" },
      {
        because: "held",
        step: revoke(aRecord({ writer: unrequestedA })),
        expected: "node-a holds the volume",
      },
      {
        because: "requested",
        step: revoke(aRecord({ writer: grantedA })),
        expected: "node-a is requested as the writer",
      },
      {
        because: "its fence runs, and continues",
        step: revoke(aRecord({ writer: { ...grantedA, requested: false }, fencing: a })),
        expected: aRecord({ fencing: a, epoch: 1 }),
      },
    ]);
  });
});

describe("withdraw and renew", () => {
  it("change the request of the writer, or say why not", () => {
    check([
      {
        because: "ends",
        step: withdraw(aRecord({ writer: aWriter("node-a") }), a),
        expected: aRecord({ writer: unrequestedA }),
      },
      {
        because: "ended already",
        step: withdraw(aRecord({ writer: unrequestedA }), a),
        expected: "its request is withdrawn already",
      },
      {
        because: "not the writer",
        step: withdraw(aRecord({ writer: aWriter("node-b") }), a),
        expected: "node-a is not the writer",
      },
      {
        because: "stated again",
        step: renew(aRecord({ writer: unrequestedA }), a),
        expected: aRecord({ writer: aWriter("node-a") }),
      },
      {
        because: "stated already",
        step: renew(aRecord({ writer: aWriter("node-a") }), a),
        expected: "it is requested already",
      },
      { because: "no writer", step: renew(aRecord(), a), expected: "node-a is not the writer" },
      {
        because: "too late: the fence has begun",
        step: renew(aRecord({ writer: unrequestedA, fencing: a }), a),
        expected: "node-a is being fenced",
      },
    ]);
  });
});

describe("beginFence", () => {
  it("begins the fence of an unrequested holder or unverified node once, or refuses", () => {
    check([
      {
        because: "a holder without a request",
        step: beginFence(aRecord({ writer: unrequestedA }), a),
        expected: aRecord({ writer: unrequestedA, fencing: a }),
      },
      {
        because: "an unverified node",
        step: beginFence(foundOnA, a),
        expected: { ...foundOnA, fencing: a },
      },
      {
        because: "begun already",
        step: beginFence(aRecord({ writer: unrequestedA, fencing: a }), a),
        expected: aRecord({ writer: unrequestedA, fencing: a }),
      },
      {
        because: "one fence at a time",
        step: beginFence(aRecord({ writer: unrequestedA, fencing: b, unverified: [b] }), a),
        expected: "node-b is being fenced",
      },
      {
        because: "holds nothing",
        step: beginFence(aRecord({ writer: { ...grantedA, requested: false } }), a),
        expected: "node-a does not hold the volume: revoke it",
      },
      {
        because: "requested",
        step: beginFence(aRecord({ writer: aWriter("node-a") }), a),
        expected: "node-a is requested as the writer",
      },
      {
        because: "a bystander",
        step: beginFence(aRecord({ writer: unrequestedA }), b),
        expected: "node-b is neither the writer nor unverified",
      },
      {
        because: "another VM of that name",
        step: beginFence(aRecord({ writer: unrequestedA }), newA),
        expected: "node-a is neither the writer nor unverified",
      },
    ]);
  });

  it("ends the request of a node that is distrusted, and counts its grant as held", () => {
    const distrusts = { distrusts: true };
    const fenced = aRecord({ writer: unrequestedA, fencing: a });
    check([
      {
        because: "a requested holder",
        step: beginFence(aRecord({ writer: aWriter("node-a") }), a, distrusts),
        expected: fenced,
      },
      {
        because: "released",
        step: beginFence(aRecord({ writer: { ...grantedA, requested: false } }), a, distrusts),
        expected: fenced,
      },
      {
        because: "not acquired yet",
        step: beginFence(aRecord({ writer: grantedA }), a, distrusts),
        expected: fenced,
      },
      {
        because: "released during its fence",
        step: beginFence(aRecord({ writer: { ...grantedA, requested: false }, fencing: a }), a, distrusts),
        expected: fenced,
      },
      {
        because: "another node is the writer",
        step: beginFence(aRecord({ writer: aWriter("node-b"), unverified: [a] }), a, distrusts),
        expected: aRecord({ writer: aWriter("node-b"), unverified: [a], fencing: a }),
      },
      {
        because: "no writer",
        step: beginFence(aRecord(), a, distrusts),
        expected: "node-a is neither the writer nor unverified",
      },
      {
        because: "one fence at a time",
        step: beginFence(aRecord({ writer: aWriter("node-a"), fencing: b, unverified: [b] }), a, distrusts),
        expected: "node-b is being fenced",
      },
    ]);
  });
});

describe("preempt", () => {
  const fenced = aRecord({ writer: unrequestedA, fencing: a, epoch: 1 });
  const preempted = aRecord({ fencing: { ...a, preempted: 1 }, quarantined: [a], epoch: 1 });

  it("removes the writer that is being fenced, while its fence stands", () => {
    check([
      { because: "it is being fenced", step: preempt(fenced, a, 1), expected: preempted },
      {
        because: "no fence has begun",
        step: preempt(aRecord({ writer: unrequestedA }), a, 1),
        expected: "node-a is not being fenced",
      },
      {
        because: "an earlier grant",
        step: preempt(fenced, a, 0),
        expected: "the record no longer names this node and epoch",
      },
      {
        because: "repeated",
        step: preempt(preempted, a, 1),
        expected: "the record no longer names this node and epoch",
      },
    ]);
  });

  it("is ended by a proof of the same fence, also after a grant to another", () => {
    const granted = grant(preempted, b);
    assert.ok(granted.ok);
    const ended = { ok: true, value: withoutFencing(granted.value) };
    for (const before of [fenced, preempted, granted.value])
      assert.deepEqual(endFence(granted.value, a, before), ended);
    const changed = "the fence or the writer has changed since the proof began";
    const earlier = aRecord({ writer: { ...unrequestedA, epoch: 2 }, fencing: a });
    const later = { ...granted.value, fencing: { ...a, preempted: 2 } };
    const unverified = aRecord({ unverified: [a], fencing: a });
    check([
      { because: "a later fence", step: endFence(later, a, preempted), expected: changed },
      { because: "another grant", step: endFence(granted.value, a, earlier), expected: changed },
      { because: "one of an unverified node", step: endFence(unverified, a, preempted), expected: changed },
    ]);
  });

  it("is not ended by a proof of the fence of an earlier grant", () => {
    const changed = "the fence or the writer has changed since the proof began";
    const grantless = (epoch: number) => aRecord({ fencing: a, epoch });
    check([
      {
        because: "the node released grant 1 during the first fence, and grant 2 during the second",
        step: endFence(grantless(2), a, grantless(1)),
        expected: changed,
      },
    ]);
  });

  it("lets others have the volume at once, and the fenced node after proof only", () => {
    const granted = grant(preempted, b);
    assert.ok(granted.ok);
    assert.equal(granted.value.fencing?.preempted, 1);
    assert.equal(grant(preempted, a).ok, false);
    const proven = endFence(granted.value, a, granted.value);
    assert.deepEqual(proven, { ok: true, value: { ...withoutFencing(granted.value) } });
    assert.equal(isInQuarantine(proven.ok ? proven.value : preempted, a), true);
  });

  it("keeps the disk on every node until Azure has proof: one reserves it", () => {
    const granted = grant(preempted, b);
    assert.ok(granted.ok);
    for (const record of [preempted, granted.value])
      for (const isBegun of [false, true]) assert.equal(mayDetach(record, c, { isBegun }), false);
    assert.equal(mayDetach(withoutFencing(granted.value), c), true);
  });
});

describe("endFence", () => {
  it("frees the record of a fenced node and puts it in quarantine, or says why not", () => {
    const fenced = aRecord({ writer: unrequestedA, fencing: a });
    const claimedByB = { ...foundOnA, fencing: a, writer: aWriter("node-b", { epoch: 5 }), epoch: 5 };
    const changed = "the fence or the writer has changed since the proof began";
    check([
      {
        because: "the writer",
        step: endFence(fenced, a, { writer: unrequestedA, fencing: a }),
        expected: aRecord({ epoch: 1, quarantined: [a] }),
      },
      {
        because: "the request is no part of a grant",
        step: endFence(fenced, a, { writer: aWriter("node-a"), fencing: a }),
        expected: aRecord({ epoch: 1, quarantined: [a] }),
      },
      {
        because: "an unverified node",
        step: endFence({ ...foundOnA, fencing: a }, a, { fencing: a }),
        expected: changedRecord(foundOnA, { unverified: [], quarantined: [a] }),
      },
      {
        because: "an unverified node while another writes",
        step: endFence(claimedByB, a, { writer: claimedByB.writer, fencing: a }),
        expected: changedRecord(withoutFencing(claimedByB), { unverified: [], quarantined: [a] }),
      },
      {
        because: "a report from before the fence counts no more",
        step: endFence(changedRecord(fenced, { defaultAccess: "quarantined", clean: [a, b] }), a, {
          writer: unrequestedA,
          fencing: a,
        }),
        expected: aRecord({ epoch: 1, defaultAccess: "quarantined", clean: [b], quarantined: [a] }),
      },
      {
        because: "it released since",
        step: endFence(aRecord({ fencing: a }), a, { fencing: a }),
        expected: aRecord({ quarantined: [a] }),
      },
      {
        because: "not being fenced",
        step: endFence(aRecord({ writer: unrequestedA }), a, { writer: unrequestedA, fencing: a }),
        expected: "node-a is not being fenced",
      },
      {
        because: "another is",
        step: endFence(aRecord({ fencing: b }), a, { fencing: a }),
        expected: "node-a is not being fenced",
      },
      {
        because: "the proof is from another epoch",
        step: endFence(aRecord({ writer: { ...unrequestedA, epoch: 2 }, fencing: a }), a, {
          writer: unrequestedA,
          fencing: a,
        }),
        expected: changed,
      },
      {
        because: "the proof is from when another wrote",
        step: endFence(fenced, a, { writer: aWriter("node-b"), fencing: a }),
        expected: changed,
      },
      {
        because: "another node reclaimed since",
        step: endFence(claimedByB, a, { fencing: a }),
        expected: changed,
      },
      {
        because: "the writer was removed since",
        step: endFence({ ...foundOnA, fencing: a }, a, { writer: unrequestedA, fencing: a }),
        expected: changed,
      },
      {
        because: "its fence began since, and the fence of another node ended",
        step: endFence(fenced, a, { writer: unrequestedA, fencing: b }),
        expected: "node-a is being fenced",
      },
    ]);
  });
});

describe("proveClean from quarantine", () => {
  it("removes a node's entry, or lists it as clean where every node is in quarantine", () => {
    const found = foundRecord({ unverified: [], epoch: 0, storeIncarnation: 0 });
    check([
      {
        because: "fenced before",
        step: proveClean(aRecord({ quarantined: [a, b] }), a, "quarantined"),
        expected: aRecord({ quarantined: [b] }),
      },
      {
        because: "an adopted disk",
        step: proveClean(found, a, "quarantined"),
        expected: changedRecord(found, { clean: [a] }),
      },
      {
        because: "both",
        step: proveClean(changedRecord(found, { quarantined: [a] }), a, "quarantined"),
        expected: changedRecord(found, { clean: [a] }),
      },
      {
        because: "in the place of an earlier VM of its name",
        step: proveClean(changedRecord(found, { clean: [a, b] }), newA, "quarantined"),
        expected: changedRecord(found, { clean: [b, newA] }),
      },
      {
        because: "not in it",
        step: proveClean(aRecord({ quarantined: [b] }), a, "quarantined"),
        expected: "node-a is not in quarantine",
      },
      {
        because: "Azure has shown the disk there since, and its absence is no evidence any more",
        step: proveClean(foundOnA, a, "quarantined"),
        expected: "node-a is not in quarantine",
      },
      {
        because: "said so already",
        step: proveClean(changedRecord(found, { clean: [a] }), a, "quarantined"),
        expected: "node-a is not in quarantine",
      },
    ]);
  });
});

describe("proveClean", () => {
  it("makes an unverified node clean, leaves a fence to its proof, or says why not", () => {
    check([
      {
        because: "unverified",
        step: proveClean(foundOnA, a, "unverified"),
        expected: changedRecord(foundOnA, { unverified: [], clean: [a] }),
      },
      {
        because: "a detach that was allowed may still land",
        step: proveClean({ ...foundOnA, fencing: a }, a, "unverified"),
        expected: changedRecord(foundOnA, { unverified: [], fencing: a, clean: [a] }),
      },
      {
        because: "another's fence continues",
        step: proveClean(changedRecord(foundOnA, { unverified: [a, b], fencing: b }), a, "unverified"),
        expected: changedRecord(foundOnA, { unverified: [b], fencing: b, clean: [a] }),
      },
      {
        because: "in the place of an earlier VM of its name",
        step: proveClean(changedRecord(foundOnA, { unverified: [newA], clean: [a, b] }), newA, "unverified"),
        expected: changedRecord(foundOnA, { unverified: [], clean: [b, newA] }),
      },
      {
        because: "not unverified",
        step: proveClean(foundOnA, b, "unverified"),
        expected: "node-b is not unverified",
      },
    ]);
  });
});

describe("reclaim", () => {
  it("makes an unverified node the holder above every known epoch, or says why not", () => {
    const reclaimed = changedRecord(foundOnA, { unverified: [] });
    check([
      {
        because: "the record knows the highest epoch",
        step: reclaim(foundOnA, a, 2),
        expected: { ...reclaimed, writer: aWriter("node-a", { epoch: 5 }), epoch: 5 },
      },
      {
        because: "the node does",
        step: reclaim(foundOnA, a, 9),
        expected: { ...reclaimed, writer: aWriter("node-a", { epoch: 10 }), epoch: 10 },
      },
      { because: "not unverified", step: reclaim(foundOnA, b, 0), expected: "node-b is not unverified" },
      {
        because: "only its own word says that it has the disk",
        step: reclaim(
          foundRecord({ unverified: [a], unconfirmed: [b], epoch: 4, storeIncarnation: 0 }),
          b,
          0,
        ),
        expected: "Azure has not listed the disk on node-b yet",
      },
      {
        because: "its checkpoint shows an epoch that is out of reach",
        step: reclaim(foundOnA, a, 2 ** 52),
        expected: { ...reclaimed, writer: aWriter("node-a", { epoch: 5 }), epoch: 5 },
      },
      {
        because: "there is a writer",
        step: reclaim({ ...foundOnA, writer: aWriter("node-b") }, a, 0),
        expected: "node-b is the writer",
      },
      {
        because: "being fenced",
        step: reclaim({ ...foundOnA, fencing: a }, a, 0),
        expected: "node-a is being fenced",
      },
      {
        because: "its VM is being fenced under another name",
        step: reclaim({ ...foundOnA, fencing: { ...a, nodeName: "node-a0" } }, a, 0),
        expected: "its VM is listed as node-a0",
      },
      {
        because: "an update may reach its VM under another name",
        step: reclaim(aRecord({ unverified: [a], barrierPending: [{ ...a, nodeName: "node-a0" }] }), a, 0),
        expected: "its VM is listed as node-a0",
      },
    ]);
  });
});

describe("clearMark of an unconfirmed node", () => {
  it("lets a node reclaim once Azure lists the disk on its VM, and no other", () => {
    const found = foundRecord({ unverified: [a], unconfirmed: [b, a], epoch: 4, storeIncarnation: 0 });
    assert.deepEqual(
      listIn(found, "unverified"),
      [a, unconfirmedB],
      "the node that Azure lists needs no more",
    );
    check([
      {
        because: "Azure lists it",
        step: clearMark(found, b, "unconfirmed"),
        expected: changedRecord(found, { unverified: [a, b] }),
      },
      {
        because: "another node that only its own checkpoints name stays unverified",
        step: clearMark(
          foundRecord({ unverified: [], unconfirmed: [b, c], epoch: 4, storeIncarnation: 0 }),
          c,
          "unconfirmed",
        ),
        expected: changedRecord(found, { unverified: [unconfirmedB, c] }),
      },
      {
        because: "it was listed from the first",
        step: clearMark(found, a, "unconfirmed"),
        expected: "node-a has no mark unconfirmed",
      },
      {
        because: "another VM under its name",
        step: clearMark(found, { ...b, vmId: "another-vm" }, "unconfirmed"),
        expected: "node-b has no mark unconfirmed",
      },
    ]);
  });

  it("leaves no trace of it where the node turns out not to have the disk", () => {
    const found = foundRecord({ unverified: [], unconfirmed: [b], epoch: 4, storeIncarnation: 0 });
    check([
      {
        because: "proven",
        step: endFence(found, b),
        expected: changedRecord(found, { unverified: [], quarantined: [b] }),
      },
    ]);
  });
});

describe("endFence without a fence", () => {
  // Also where it had been clean before.
  it("quarantines an unverified node without the disk, and no other", () => {
    check([
      {
        because: "unverified",
        step: endFence(
          aRecord({ defaultAccess: "quarantined", unverified: [a, b], clean: [a, b], quarantined: [b] }),
          a,
        ),
        expected: aRecord({ defaultAccess: "quarantined", unverified: [b], clean: [b], quarantined: [b, a] }),
      },
      {
        because: "unverified, while another node writes",
        step: endFence(aRecord({ writer: aWriter("node-b"), unverified: [a] }), a),
        expected: aRecord({ writer: aWriter("node-b"), quarantined: [a] }),
      },
      {
        because: "unverified, while another node is fenced",
        step: endFence(aRecord({ fencing: b, unverified: [a] }), a, { fencing: b }),
        expected: aRecord({ fencing: b, quarantined: [a] }),
      },
      {
        because: "the writer, too, which only a fence removes",
        step: endFence(aRecord({ writer: aWriter("node-a"), unverified: [a] }), a),
        expected: aRecord({ writer: aWriter("node-a"), quarantined: [a] }),
      },
      {
        because: "it has reclaimed, or shown itself clean",
        step: endFence(aRecord({ defaultAccess: "quarantined", unverified: [b] }), a),
        expected: "node-a is not unverified",
      },
      {
        because: "only the fence's own proof ends it",
        step: endFence({ ...foundOnA, fencing: a }, a),
        expected: "node-a is being fenced",
      },
    ]);
  });
});

describe("identify, by the uid of the Node", () => {
  const earlier = { ...a, nodeUid: "a-1" };
  const now = { ...a, nodeUid: "a-2" };
  const ofAnother = { ...newA, nodeUid: "a-1" };
  const named = (node: NodeIdentity, quarantine = [b, node]): WriterRecord =>
    aRecord({
      writer: { ...aWriter("node-a"), ...node },
      fencing: node,
      quarantined: quarantine,
      unverified: [{ ...node, unconfirmed: true }],
      barrierPending: [node],
    });

  it("puts the uid in each entry of the node, and in none of another VM", () => {
    check([
      { because: "there is none", step: identifyByUid(named(a), now), expected: named(now) },
      { because: "the Node was recreated", step: identifyByUid(named(earlier), now), expected: named(now) },
      {
        because: "it is being fenced",
        step: identifyByUid(aRecord({ fencing: a }), now),
        expected: aRecord({ fencing: now }),
      },
      {
        because: "its own report that it is clean is its own to replace",
        step: identifyByUid(
          aRecord({ writer: { ...grantedA, ...a }, defaultAccess: "quarantined", clean: [a] }),
          now,
        ),
        expected: aRecord({ writer: { ...grantedA, ...now }, defaultAccess: "quarantined", clean: [a] }),
      },
      {
        because: "it is there",
        step: identifyByUid(named(now), now),
        expected: "no entry of node-a lacks its uid",
      },
      {
        because: "another VM had the name",
        step: identifyByUid(named(ofAnother), now),
        expected: "no entry of node-a lacks its uid",
      },
      {
        because: "so it had",
        step: identifyByUid(named(ofAnother, [ofAnother, a]), now),
        expected: named(ofAnother, [ofAnother, now]),
      },
      {
        because: "none is known",
        step: identifyByUid(named(earlier), a),
        expected: "no uid of node-a is known",
      },
    ]);
  });

  it("outlives the steps that move an entry, whatever the caller knows", () => {
    const unrequested = aRecord({ writer: { ...unrequestedA, ...now } });
    const fenced = { ...unrequested, fencing: now };
    const cleared = aRecord({ epoch: 1, quarantined: [now] });
    check([
      { because: "begin fence", step: beginFence(unrequested, a), expected: fenced },
      {
        because: "end of a fence",
        step: endFence(fenced, a, { writer: unrequested.writer, fencing: a }),
        expected: cleared,
      },
      {
        because: "detached",
        step: endFence(aRecord({ epoch: 1, unverified: [now] }), a),
        expected: cleared,
      },
      {
        because: "grant",
        step: grant(aRecord(), now),
        expected: aRecord({ writer: { ...grantedA, ...now } }),
      },
      {
        because: "reclaim",
        step: reclaim(aRecord({ unverified: [now] }), a, 0),
        expected: aRecord({ writer: { ...aWriter("node-a"), ...now } }),
      },
    ]);
  });
});

describe("identify, by the name of the node", () => {
  const unknown = {
    nodeName: "/subscriptions/sub-1/vm-7",
    vmId: "vm-of-node-b",
    instanceUri: "/subscriptions/sub-1/vm-7",
  };

  it("has the node pass the write barrier first by a rebuilt record", () => {
    const found = aRecord({ defaultAccess: "quarantined", unverified: [a, unknown], barrierPending: [a] });
    check([
      {
        because: "it registers",
        step: identifyByName(found, unknown, b),
        expected: changedRecord(found, { unverified: [a, b], barrierPending: [a, b] }),
      },
      {
        because: "it is unverified by its name, and has passed the write barrier",
        step: identifyByName(changedRecord(found, { unverified: [b, unknown] }), unknown, b),
        expected: changedRecord(found, { unverified: [b] }),
      },
    ]);
  });

  it("keeps what either entry of the VM takes from it", () => {
    const marks = { unconfirmed: true, wasQuarantined: true } as const;
    const marked = { ...unknown, ...marks };
    const found = aRecord({ unverified: [marked], barrierPending: [unknown] });
    const expected = aRecord({ unverified: [{ ...b, ...marks }], barrierPending: [b] });
    check([
      { because: "the record has no other entry of it", step: identifyByName(found, unknown, b), expected },
      {
        because: "its entry under the new name has no marks",
        step: identifyByName(changedRecord(found, { unverified: [b, marked] }), unknown, b),
        expected,
      },
      {
        because: "its entry under the new name has the marks",
        step: identifyByName(
          aRecord({ unverified: [{ ...b, ...marks }, unknown], barrierPending: [b] }),
          unknown,
          b,
        ),
        expected,
      },
      {
        because: "it is in quarantine under the new name",
        step: identifyByName(changedRecord(found, { quarantined: [b] }), unknown, b),
        expected,
      },
      {
        because: "it writes under the new name, and an update may still detach the disk from it",
        step: identifyByName(changedRecord(found, { writer: aWriter("node-b") }), unknown, b),
        expected: `an update that a lost record allowed may still detach the disk from ${unknown.nodeName}`,
      },
    ]);
  });

  it("keeps the uid of its Node that the record knows", () => {
    const bound = { ...b, nodeUid: "b-1" };
    const found = aRecord({ defaultAccess: "quarantined", quarantined: [bound], unverified: [unknown] });
    check([
      {
        because: "its Node is missing",
        step: identifyByName(found, unknown, b),
        expected: changedRecord(found, {
          quarantined: [],
          unverified: [{ ...bound, wasQuarantined: true }],
          barrierPending: [bound],
        }),
      },
    ]);
  });

  it("takes what the record says of the VM under an earlier name", () => {
    const earlier = { ...b, nodeName: "node-b0", vmId: b.vmId.toUpperCase(), nodeUid: "b-0" };
    const now = { ...b, nodeUid: "b-1" };
    const writerOf = (node: NodeIdentity, held = true) => ({ ...aWriter("node-b", { held }), ...node });
    check([
      {
        because: "it was fenced",
        step: identifyByName(aRecord({ quarantined: [earlier] }), earlier, now),
        expected: aRecord({ quarantined: [now] }),
      },
      {
        because: "it was fenced, and is clean by its new name",
        step: identifyByName(
          aRecord({ defaultAccess: "quarantined", quarantined: [earlier], clean: [now] }),
          earlier,
          now,
        ),
        expected: aRecord({ defaultAccess: "quarantined", quarantined: [now] }),
      },
      {
        because: "it was fenced, and is unverified by its new name",
        step: identifyByName(aRecord({ quarantined: [earlier], unverified: [now] }), earlier, now),
        expected: aRecord({ unverified: [{ ...now, wasQuarantined: true }] }),
      },
      {
        because: "it was fenced, and writes by its new name: it shows itself clean with its release",
        step: identifyByName(aRecord({ quarantined: [earlier], writer: writerOf(now) }), earlier, now),
        expected: "node-b is the writer",
      },
      {
        because: "an update may reach it",
        step: identifyByName(aRecord({ barrierPending: [earlier] }), earlier, now),
        expected: aRecord({ barrierPending: [now] }),
      },
      {
        because: "it holds the volume",
        step: identifyByName(aRecord({ writer: writerOf(earlier) }), earlier, now),
        expected: aRecord({ writer: writerOf(now) }),
      },
      {
        because: "it has a grant, and the disk was found on it by its new name",
        step: identifyByName(aRecord({ writer: writerOf(earlier, false), unverified: [now] }), earlier, now),
        expected: aRecord({ writer: writerOf(now, false) }),
      },
      {
        because: "it has a grant without a uid, which another VM's token may have moved",
        step: identifyByName(
          aRecord({ writer: { ...writerOf(earlier, false), nodeUid: undefined } }),
          earlier,
          now,
        ),
        expected: aRecord({ writer: { ...writerOf(now), requested: false } }),
      },
      {
        because: "it was fenced by its new name",
        step: identifyByName(aRecord({ writer: writerOf(earlier), quarantined: [now] }), earlier, now),
        expected: "node-b is in quarantine until it has shown that it is clean",
      },
      {
        because: "it has nothing but shown itself clean by its earlier name",
        step: identifyByName(aRecord({ defaultAccess: "quarantined", clean: [earlier] }), earlier, now),
        expected: `${earlier.instanceUri} is neither unverified nor in quarantine`,
      },
    ]);
  });

  it("names the node of a VM known by resource id alone, once, or says why not", () => {
    check([
      {
        because: "it registers",
        step: identifyByName(aRecord({ unverified: [a, unknown] }), unknown, b),
        expected: aRecord({ unverified: [a, b] }),
      },
      {
        because: "it is unverified by its name as well",
        step: identifyByName(aRecord({ unverified: [b, unknown] }), unknown, b),
        expected: aRecord({ unverified: [b] }),
      },
      {
        because:
          "it is the writer, which can't be unverified as well: it could neither reclaim nor show " +
          "itself clean",
        step: identifyByName(aRecord({ writer: aWriter("node-b"), unverified: [a, unknown] }), unknown, b),
        expected: aRecord({ writer: aWriter("node-b"), unverified: [a] }),
      },
      {
        because: "not unverified",
        step: identifyByName(aRecord({ unverified: [a] }), unknown, b),
        expected: `${unknown.instanceUri} is neither unverified nor in quarantine`,
      },
      {
        because: "its fence goes by the resource id",
        step: identifyByName(aRecord({ unverified: [unknown], fencing: unknown }), unknown, b),
        expected: `${unknown.instanceUri} is being fenced`,
      },
      {
        because: "its fence goes by its name",
        step: identifyByName(aRecord({ unverified: [unknown], fencing: b }), unknown, b),
        expected: "node-b is being fenced",
      },
      {
        because: "it writes under the name that would go",
        step: identifyByName(
          aRecord({ writer: { ...aWriter("node-b"), ...unknown }, unverified: [unknown] }),
          unknown,
          b,
        ),
        expected: `${unknown.nodeName} is the writer`,
      },
    ]);
  });
});

describe("foundRecord", () => {
  // One that may have it again shows itself clean as an unverified node.
  it("keeps the quarantine of each fenced node, as a mark where it may have the disk", () => {
    const found = foundRecord({
      unverified: [a],
      unconfirmed: [b],
      quarantined: [a, b, c],
      epoch: 4,
      storeIncarnation: 0,
    });
    const mark = { wasQuarantined: true as const };
    assert.deepEqual(
      [listIn(found, "quarantined"), listIn(found, "unverified")],
      [
        [c],
        [
          { ...a, ...mark },
          { ...unconfirmedB, ...mark },
        ],
      ],
    );
  });
});

describe("newRecord", () => {
  it("names no node, and begins to count at zero", () => {
    const expected = { nodes: [], defaultAccess: "clean", epoch: 0, storeIncarnation: 3 };
    assert.deepEqual(newRecord(3), expected);
  });
});

describe("prune", () => {
  const record = aRecord({
    defaultAccess: "quarantined",
    quarantined: [identity("node-d")],
    clean: [a, b, newA],
    unverified: [identity("node-e")],
  });

  it("removes the entry of one VM, and nothing else", () => {
    check([
      {
        because: "clean",
        step: prune(record, a, "clean"),
        expected: changedRecord(record, { clean: [b, newA] }),
      },
      {
        because: "in quarantine, and gone",
        step: prune(record, identity("node-d"), "quarantined"),
        expected: changedRecord(record, { quarantined: [] }),
      },
      {
        because: "unverified, and without the disk",
        step: prune(record, identity("node-e"), "unverified"),
        expected: changedRecord(record, { unverified: [] }),
      },
      {
        because: "beside the writer, which is another VM of that name",
        step: prune(
          aRecord({ writer: { ...aWriter("node-a"), ...newA }, quarantined: [a] }),
          a,
          "quarantined",
        ),
        expected: aRecord({ writer: { ...aWriter("node-a"), ...newA } }),
      },
      {
        because: "the fence of another node continues",
        step: prune(aRecord({ quarantined: [a], fencing: b }), a, "quarantined"),
        expected: aRecord({ fencing: b }),
      },
    ]);
  });

  it("is refused where the record says more of the VM, or something else", () => {
    const quarantined = aRecord({ quarantined: [a] });
    check([
      {
        because: "a detach may still be under way to it",
        step: prune(changedRecord(record, { barrierPending: [a] }), a, "clean"),
        expected: "node-a is not clean only",
      },
      {
        because: "a detach may still be under way to its resource id",
        step: prune(changedRecord(quarantined, { barrierPending: [a] }), a, "quarantined"),
        expected: "node-a is not quarantined only",
      },
      {
        because: "in quarantine",
        step: prune(quarantined, a, "clean"),
        expected: "node-a is not clean only",
      },
      {
        because: "unverified, which only a fence or its own proof ends",
        step: prune(aRecord({ unverified: [a] }), a, "quarantined"),
        expected: "node-a is not quarantined only",
      },
      {
        because: "the writer, which a report from before its grant does not free",
        step: prune(changedRecord(record, { writer: aWriter("node-a") }), a, "clean"),
        expected: "node-a is not clean only",
      },
      {
        because: "the writer, whose quarantine is from before its grant",
        step: prune(changedRecord(quarantined, { writer: aWriter("node-a") }), a, "quarantined"),
        expected: "node-a is not quarantined only",
      },
      {
        because: "being fenced, which only proof ends",
        step: prune(changedRecord(record, { fencing: a }), a, "clean"),
        expected: "node-a is not clean only",
      },
      {
        because: "being fenced, and in quarantine from before",
        step: prune(changedRecord(quarantined, { fencing: a }), a, "quarantined"),
        expected: "node-a is not quarantined only",
      },
      {
        because: "nowhere",
        step: prune(record, identity("node-c"), "clean"),
        expected: "node-c is not clean only",
      },
    ]);
  });
});

describe("what may be attached and detached", () => {
  it("follows from the record", () => {
    const rows = [
      { because: "a new disk", record: newRecord(0), attach: true, detach: true },
      { because: "the writer", record: aRecord({ writer: aWriter("node-a") }), attach: true, detach: false },
      {
        because: "the writer, not held",
        record: aRecord({ writer: { ...grantedA, requested: false } }),
        attach: true,
        detach: false,
      },
      {
        because: "another's writer",
        record: aRecord({ writer: aWriter("node-b") }),
        attach: true,
        detach: true,
      },
      {
        because: "being fenced",
        record: aRecord({ writer: unrequestedA, fencing: a }),
        attach: false,
        detach: false,
      },
      { because: "in quarantine", record: aRecord({ quarantined: [a] }), attach: false, detach: true },
      { because: "unverified", record: foundOnA, attach: false, detach: false },
      {
        because: "adopted, without a report",
        record: foundRecord({ unverified: [b], epoch: 0, storeIncarnation: 0 }),
        attach: false,
        detach: true,
      },
      {
        because: "found, clean",
        record: changedRecord(foundRecord({ unverified: [b], epoch: 0, storeIncarnation: 0 }), {
          clean: [a],
        }),
        attach: true,
        detach: true,
      },
      {
        because: "adopted, and the writer by its reclaim",
        record: changedRecord(foundOnA, { unverified: [], writer: aWriter("node-a") }),
        attach: true,
        detach: false,
      },
    ];
    for (const { because, record, attach, detach } of rows)
      assert.deepEqual(
        { attach: mayAttach(record, a), detach: mayDetach(record, a) },
        { attach, detach },
        because,
      );
  });

  // It is not the writer, or has acquired nothing yet.
  it("lets an attach force a hanging detach only where the node writes nothing", () => {
    for (const { because, record, force } of [
      { because: "a replica", record: { ...newRecord(0), writer: aWriter("node-b") }, force: true },
      {
        because: "granted, not taken",
        record: { ...newRecord(0), writer: aWriter("node-a", { held: false }) },
        force: true,
      },
      { because: "held", record: { ...newRecord(0), writer: aWriter("node-a") }, force: false },
      {
        because: "held, and not requested any more",
        record: { ...newRecord(0), writer: aWriter("node-a", { requested: false }) },
        force: false,
      },
      { because: "unverified", record: foundOnA, force: false },
      {
        because: "held by an earlier VM of that name",
        record: { ...newRecord(0), writer: { ...aWriter("node-a"), vmId: "another" } },
        force: true,
      },
    ])
      assert.equal(mayDetach(record, a, { isBegun: true }), force, because);
  });

  it("is decided by the VM, whatever its node is called: a writer would lose its disk", () => {
    const renamed = { ...a, nodeName: "node-a2", vmId: a.vmId.toUpperCase() };
    const elsewhere = { ...renamed, instanceUri: b.instanceUri };
    for (const { because, record, attach, detach, force } of [
      {
        because: "the writer",
        record: aRecord({ writer: aWriter("node-a") }),
        attach: true,
        detach: false,
        force: false,
      },
      {
        because: "unverified",
        record: aRecord({ unverified: [a] }),
        attach: true,
        detach: false,
        force: false,
      },
      {
        because: "being fenced",
        record: aRecord({ writer: aWriter("node-a"), fencing: a }),
        attach: false,
        detach: false,
        force: false,
      },
    ]) {
      const allowed = {
        attach: mayAttach(record, renamed),
        detach: mayDetach(record, renamed),
        force: mayDetach(record, renamed, { isBegun: true }),
      };
      assert.deepEqual(allowed, { attach, detach, force }, because);
      const others = [
        mayAttach(record, elsewhere),
        mayDetach(record, elsewhere),
        mayDetach(record, elsewhere, { isBegun: true }),
      ];
      assert.deepEqual(others, [true, true, true], `${because}, and only the GUID is the same`);
    }
  });

  it("keeps what one name of a VM has from its other names", () => {
    const renamed = { ...a, nodeName: "node-a2", vmId: a.vmId.toUpperCase() };
    const elsewhere = { ...renamed, instanceUri: b.instanceUri };
    for (const { because, record, attach } of [
      { because: "in quarantine", record: aRecord({ quarantined: [a] }), attach: false },
      { because: "being fenced without a writer", record: aRecord({ fencing: a }), attach: false },
      { because: "with a pending write barrier", record: aRecord({ barrierPending: [a] }), attach: true },
    ]) {
      assert.deepEqual([grant(record, renamed).ok, mayAttach(record, renamed)], [false, attach], because);
      assert.deepEqual([grant(record, elsewhere).ok, mayAttach(record, elsewhere)], [true, true], because);
    }
    const unverified = aRecord({ unverified: [{ ...a, wasQuarantined: true }] });
    assert.equal(mayAttach(unverified, renamed), false, "unverified, and fenced before");
    const both = aRecord({ quarantined: [a], writer: { ...aWriter("node-a"), ...renamed } });
    assert.equal(mayAttach(both, renamed), true, "the writer");
  });

  it("is not begun as a fence of another name of the writer's VM", () => {
    const renamed = { ...a, nodeName: "node-a2" };
    const record = aRecord({ writer: { ...aWriter("node-a"), ...renamed }, unverified: [a] });
    assert.deepEqual(beginFence(record, a), { ok: false, failure: "its VM has the volume as node-a2" });
    const released = aRecord({ writer: { ...unrequestedA, ...renamed }, unverified: [a] });
    assert.equal(beginFence(released, a).ok, false);
  });

  it("keeps a fenced node in quarantine although it had been clean before", () => {
    const record = changedRecord(foundOnA, { unverified: [], clean: [a], writer: unrequestedA, fencing: a });
    const cleared = endFence(record, a, { writer: unrequestedA, fencing: a });
    assert.equal(cleared.ok && isInQuarantine(cleared.value, a), true);
  });
});

function withoutFencing({ fencing: _, ...record }: WriterRecord): WriterRecord {
  return record;
}

describe("clearMark of a pending write barrier", () => {
  const barrierPending = foundRecord({
    unverified: [a, b],
    barrierPending: [a, b],
    epoch: 4,
    storeIncarnation: 0,
  });

  it("lets a node write only once no update from before the loss can detach its disk", () => {
    const refusal = "an update that a lost record allowed may still detach the disk from node-a";
    const onlyA = changedRecord(barrierPending, { unverified: [], clean: [a, b], barrierPending: [a] });
    check([
      { because: "it reclaims", step: reclaim(barrierPending, a, 0), expected: refusal },
      { because: "it is requested", step: grant(onlyA, a), expected: refusal },
      {
        because: "another is requested",
        step: grant(onlyA, b),
        expected: { ...onlyA, writer: { ...aWriter("node-b", { held: false }), epoch: 5 }, epoch: 5 },
      },
      {
        because: "one of two passes",
        step: clearMark(barrierPending, a, "barrierPending"),
        expected: changedRecord(barrierPending, { barrierPending: [b] }),
      },
      {
        because: "the last one passes",
        step: clearMark(changedRecord(barrierPending, { barrierPending: [b] }), b, "barrierPending"),
        expected: foundRecord({ unverified: [a, b], epoch: 4, storeIncarnation: 0 }),
      },
      {
        because: "it has passed already",
        step: clearMark(changedRecord(barrierPending, { barrierPending: [b] }), a, "barrierPending"),
        expected: "node-a has no mark barrierPending",
      },
      {
        because: "another VM of its name",
        step: clearMark(barrierPending, newA, "barrierPending"),
        expected: "node-a has no mark barrierPending",
      },
    ]);
  });

  it("is done by each proof that moves the VM's ETag, not by clean", () => {
    for (const { because, step, left } of [
      { because: "fenced", step: endFence({ ...barrierPending, fencing: a }, a, { fencing: a }), left: [b] },
      { because: "proven to be without the disk", step: endFence(barrierPending, a), left: [b] },
      { because: "clean", step: proveClean(barrierPending, a, "unverified"), left: [a, b] },
    ])
      assert.deepEqual(step.ok && listIn(step.value, "barrierPending"), left, because);
  });
});
