import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../../src/core/api/az-volume.ts";
import { identity } from "../../src/core/testing/objects.ts";
import { aHistory, aMachine, aVolume, aWriter, diskUri, instanceUriOf } from "./testing/a-history.ts";
import { watchWriters } from "./watch-writers.ts";

/** The volume's object before and after a write. */
type RecordCommit = readonly [before: AzVolume | undefined, after: AzVolume | undefined];

/** Two machines that have the disk, in a history that is watched. */
function aSharedDisk() {
  const history = aHistory();
  watchWriters(history);
  const [a, b] = [aMachine("node-a"), aMachine("node-b")];
  for (const { machine } of [a, b]) history.happen({ kind: "attached", diskUri, machine, lun: 0 });
  return { history, a, b };
}

describe("never two writers", () => {
  it("accepts writes of one machine after the other", () => {
    const { history, a, b } = aSharedDisk();
    a.canWrite = true;
    history.happen({ kind: "wrote", diskUri, machine: a.machine, by: "mount" });
    a.canWrite = false;
    b.canWrite = true;
    history.happen({ kind: "wrote", diskUri, machine: b.machine, by: "mount" });
    assert.deepEqual(history.violations, []);
  });

  it("reports a write while another machine, also a frozen one, has the disk mounted", () => {
    for (const [state, expected] of [
      ["running", ["two-writers"]],
      ["frozen", ["two-writers"]],
      ["off", []],
    ] as const) {
      const { history, a, b } = aSharedDisk();
      a.canWrite = true;
      history.happen({ kind: "wrote", diskUri, machine: a.machine, by: "mount" });
      a.state = state;
      b.canWrite = true;
      history.happen({ kind: "wrote", diskUri: diskUri.toUpperCase(), machine: b.machine, by: "check" });
      assert.deepEqual(history.invariants(), expected);
    }
  });

  it("accepts writes of two machines to a shared disk, also once that is deleted", () => {
    const history = aHistory();
    let isShared = true;
    watchWriters(history, () => isShared);
    const [a, b] = [aMachine("node-a"), aMachine("node-b")];
    for (const { machine } of [a, b]) history.happen({ kind: "attached", diskUri, machine, lun: 0 });
    a.canWrite = true;
    history.happen({ kind: "wrote", diskUri, machine: a.machine, by: "flush" });
    b.canWrite = true;
    isShared = false;
    history.happen({ kind: "wrote", diskUri, machine: b.machine, by: "flush" });
    assert.deepEqual(history.violations, []);
  });

  it("reports a grant while a non-writer could still write, before any write", () => {
    const { history, a } = aSharedDisk();
    const before = aVolume({ writer: aWriter("node-a", 1), epoch: 1 });
    history.commit({ kind: "AzVolume", name: "vol-1", before: aVolume(), after: before });
    a.canWrite = true;
    assert.deepEqual(history.violations, []);
    history.commit({
      kind: "AzVolume",
      name: "vol-1",
      before,
      after: aVolume({ writer: aWriter("node-b", 2), epoch: 2 }),
    });
    assert.deepEqual(
      history.violations.map(({ detail }) => detail),
      [
        "controller-1 made node-b the writer of vol-1 (epoch 2) while node-a (running) could still " +
          "write to it",
      ],
    );
  });

  it("treats a recreated machine under the writer's name as a different one", () => {
    const { history, a } = aSharedDisk();
    a.canWrite = true;
    history.commit({
      kind: "AzVolume",
      name: "vol-1",
      before: aVolume(),
      after: aVolume({ writer: { ...aWriter("node-a", 2), vmId: "guid-new" } }),
    });
    assert.deepEqual(history.invariants(), ["two-writers"]);
  });

  describe("by the record", () => {
    const granted = aVolume({ writer: aWriter("node-b", 2), epoch: 2 });
    const released = aVolume({ epoch: 2 });
    /** Whether a write of node-a is reported, without any interference. */
    const afterwards = (...commits: readonly RecordCommit[]): readonly string[] => {
      const { history, a } = aSharedDisk();
      for (const [before, after] of commits)
        history.commit({ kind: "AzVolume", name: "vol-1", before, after });
      history.happen({ kind: "wrote", diskUri, machine: a.machine, by: "flush" });
      return history.violations.map(({ detail }) => detail);
    };

    it("reports a write of a machine that is not the writer, also without a writer", () => {
      assert.deepEqual(afterwards([aVolume(), granted]), [
        "node-a wrote to vol-1 (flush), whose writer is node-b; last writes: flush by node-a in epoch 2 " +
          "of node-b",
      ]);
      assert.deepEqual(afterwards([aVolume(), granted], [granted, released]), [
        "node-a wrote to vol-1 (flush), whose writer is none; last writes: flush by node-a in epoch none",
      ]);
    });

    /** Of another object than `uid-1`, such as a recreated one. */
    const madeAgain = (record: Parameters<typeof aVolume>[0]): AzVolume => {
      const volume = aVolume({ defaultAccess: "quarantined", epoch: 2, ...record });
      return { ...volume, metadata: { ...volume.metadata, uid: "uid-2" } };
    };
    const nodeA = { ...identity("node-a"), vmId: "guid-node-a" };
    const lost = [
      [aVolume(), granted],
      [granted, undefined],
    ] as const;
    const isReported = (...commits: readonly RecordCommit[]): boolean => afterwards(...commits).length > 0;

    it("accepts writes without a record, or after a restored one until the next grant", () => {
      const { record: _, ...status } = granted.status ?? {};
      assert.ok(!isReported([aVolume(), granted], [granted, { ...granted, status } as AzVolume]));
      const ofBackup = aVolume({ writer: aWriter("node-c", 1), epoch: 1 });
      assert.ok(!isReported([aVolume(), granted], [ofBackup, ofBackup]));
      assert.ok(isReported([aVolume(), granted], [ofBackup, ofBackup], [ofBackup, granted]));
    });

    describe("before the first commit after a restore", () => {
      const epoch = 2;
      const held = aVolume({ writer: aWriter("node-a", epoch), epoch });
      const isReportedWhere = (
        restored: AzVolume,
        last: AzVolume,
        ...earlier: readonly RecordCommit[]
      ): boolean => {
        const { history, a } = aSharedDisk();
        for (const [before, after] of [...earlier, [held, last] as const])
          history.commit({ kind: "AzVolume", name: "vol-1", before, after });
        history.restore(restored);
        history.happen({ kind: "wrote", diskUri, machine: a.machine, by: "check" });
        return history.violations.length > 0;
      };
      const begun = [aVolume(), held] as const;
      const ended = aVolume({ epoch });

      it("accepts the last writer, to which it gives its grant back", () => {
        assert.ok(!isReportedWhere(held, ended, begun));
      });

      it("reports it where another node was granted the volume since", () => {
        const granted = aVolume({ writer: aWriter("node-b", 3), epoch: 3 });
        assert.ok(isReportedWhere(held, granted, begun));
        assert.ok(isReportedWhere(held, aVolume({ epoch: 3 }), begun));
      });

      it("reports it where the store shows no such grant, or that of another object", () => {
        assert.ok(isReportedWhere(ended, ended, begun));
        assert.ok(isReportedWhere(aVolume({ writer: aWriter("node-b", 2), epoch }), ended, begun));
        assert.ok(isReportedWhere({ ...held, metadata: { ...held.metadata, uid: "uid-2" } }, ended, begun));
      });
    });

    it("accepts, after a loss, only unverified nodes that are not yet known to be clean", () => {
      const unverified = madeAgain({ unverified: [nodeA] });
      assert.ok(!isReported(...lost, [undefined, unverified]));
      assert.ok(isReported(...lost, [undefined, madeAgain({})]));
      assert.ok(
        isReported(...lost, [
          undefined,
          madeAgain({ unverified: [{ ...nodeA, vmId: "guid-of-an-earlier-vm" }] }),
        ]),
      );
      assert.ok(isReported(...lost, [undefined, unverified], [unverified, madeAgain({ clean: [nodeA] })]));
    });

    it("accepts an unverified VM that is listed under its resource id alone", () => {
      const instanceUri = instanceUriOf("node-a");
      const isReportedFor = (vmId: string, at = instanceUri): boolean =>
        isReported(...lost, [
          undefined,
          madeAgain({ unverified: [{ nodeName: at, vmId, instanceUri: at }] }),
        ]);
      assert.ok(!isReportedFor(instanceUri), "no object says which VM is there");
      assert.ok(!isReportedFor("guid-node-a"));
      assert.ok(isReportedFor("guid-of-an-earlier-vm"));
      const another = instanceUriOf("node-b");
      assert.ok(isReportedFor(another, another));
    });

    it("accepts the reclaim of an unverified node, and then no other writer", () => {
      const unverified = madeAgain({ unverified: [nodeA] });
      const reclaimed = madeAgain({ writer: aWriter("node-a", 3), epoch: 3 });
      assert.ok(!isReported(...lost, [undefined, unverified], [unverified, reclaimed]));
      const byB = madeAgain({ unverified: [nodeA], writer: aWriter("node-b", 3), epoch: 3 });
      assert.ok(!isReported(...lost, [undefined, unverified], [unverified, byB]));
      const alone = madeAgain({ writer: aWriter("node-b", 3), epoch: 3 });
      assert.ok(isReported(...lost, [undefined, unverified], [unverified, byB], [byB, alone]));
    });

    it("accepts the same if a rebuild replaces the record", () => {
      const rebuilt = aVolume({
        defaultAccess: "quarantined",
        epoch: 2,
        storeIncarnation: 2,
        unverified: [nodeA],
      });
      assert.ok(!isReported([aVolume(), granted], [granted, rebuilt]));
      assert.ok(
        isReported(
          [aVolume(), granted],
          [
            granted,
            {
              ...rebuilt,
              status: { ...aVolume({ storeIncarnation: 2, defaultAccess: "quarantined" }).status },
            } as AzVolume,
          ],
        ),
      );
    });
  });
});
