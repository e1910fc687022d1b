import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type DataDiskEntry, type DiskWish, planVmUpdate } from "./plan-vm-update.ts";

const there = (diskKey: string, lun: number, toBeDetached = false): DataDiskEntry => ({
  diskKey,
  lun,
  toBeDetached,
});
const attach = (diskKey: string): DiskWish => ({ kind: "attach", diskKey });
const detach = (diskKey: string): DiskWish => ({ kind: "detach", diskKey });

describe("planVmUpdate", () => {
  for (const { because, entries, reservedLuns = [], wishes, dataDisksMax = 4, outcomes } of [
    {
      because: "a disk that is there stays at its LUN",
      entries: [there("a", 3)],
      wishes: [attach("a")],
      outcomes: [{ kind: "attached", lun: 3 }],
    },
    {
      because: "a disk that is off is off",
      entries: [],
      wishes: [detach("a")],
      outcomes: [{ kind: "detached" }],
    },
    {
      because: "newcomers get free LUNs in the order of the wishes",
      entries: [there("x", 0)],
      wishes: [attach("b"), attach("a")],
      outcomes: [
        { kind: "attach", lun: 1 },
        { kind: "attach", lun: 2 },
      ],
    },
    {
      because:
        "a LUN at which the node looks for another disk is not given away, though nothing is there any more",
      entries: [],
      reservedLuns: [0],
      wishes: [attach("a")],
      outcomes: [{ kind: "attach", lun: 1 }],
    },
    {
      because: "a disk that is there stays, whoever else is looked for there",
      entries: [there("a", 3)],
      reservedLuns: [3],
      wishes: [attach("a")],
      outcomes: [{ kind: "attached", lun: 3 }],
    },
    {
      because: "a disk on its way off is driven off before it comes back",
      entries: [there("a", 0, true)],
      wishes: [attach("a")],
      outcomes: [{ kind: "finishDetach" }],
    },
    {
      because: "the place of a disk on its way off is not free yet",
      entries: [there("a", 0)],
      wishes: [detach("a"), attach("b")],
      dataDisksMax: 1,
      outcomes: [{ kind: "detach" }, { kind: "later" }],
    },
    {
      because: "someone else's detach makes a place, too",
      entries: [there("a", 0, true)],
      wishes: [attach("b")],
      dataDisksMax: 1,
      outcomes: [{ kind: "later" }],
    },
    {
      because: "a full VM from which nothing comes off takes nothing",
      entries: [there("a", 0)],
      wishes: [attach("b"), detach("c")],
      dataDisksMax: 1,
      outcomes: [{ kind: "noFreeLun" }, { kind: "detached" }],
    },
    {
      because: "a disk that is there needs no place on a full VM",
      entries: [there("a", 0)],
      wishes: [attach("a")],
      dataDisksMax: 1,
      outcomes: [{ kind: "attached", lun: 0 }],
    },
  ]) {
    it(because, () => {
      assert.deepEqual(
        planVmUpdate({ entries, reservedLuns, dataDisksMax, wishes }),
        wishes.map((wish, index) => ({ wish, outcome: outcomes[index] })),
      );
    });
  }
});
