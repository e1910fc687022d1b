import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type DataDiskEntry, type DiskRequest, planVmUpdate } from "./plan-vm-update.ts";

const there = (diskKey: string, lun: number, toBeDetached = false): DataDiskEntry => ({
  diskKey,
  lun,
  toBeDetached,
});
const attach = (diskKey: string, formerLun?: number): DiskRequest => ({ kind: "attach", diskKey, formerLun });
const detach = (diskKey: string): DiskRequest => ({ kind: "detach", diskKey });

describe("planVmUpdate", () => {
  for (const { because, entries, reservedLuns = [], requests, dataDisksMax = 4, outcomes } of [
    {
      because: "a disk that is attached stays at its LUN",
      entries: [there("a", 3)],
      requests: [attach("a")],
      outcomes: [{ kind: "attached", lun: 3 }],
    },
    {
      because: "a disk that is detached stays detached",
      entries: [],
      requests: [detach("a")],
      outcomes: [{ kind: "detached" }],
    },
    {
      because: "new disks get free LUNs in the order of the requests",
      entries: [there("x", 0)],
      requests: [attach("b"), attach("a")],
      outcomes: [
        { kind: "attach", lun: 1 },
        { kind: "attach", lun: 2 },
      ],
    },
    {
      because: "a LUN at which the node looks for another disk is not reused, even when it is free",
      entries: [],
      reservedLuns: [0],
      requests: [attach("a")],
      outcomes: [{ kind: "attach", lun: 1 }],
    },
    {
      because: "a disk gets its former LUN again, and no other disk does, also where that is reserved",
      entries: [there("x", 0)],
      reservedLuns: [2],
      requests: [attach("b"), attach("a", 2), attach("c")],
      outcomes: [
        { kind: "attach", lun: 1 },
        { kind: "attach", lun: 2 },
        { kind: "attach", lun: 3 },
      ],
    },
    {
      because: "one whose former LUN another disk has by now gets a free one",
      entries: [there("x", 2)],
      requests: [attach("a", 2)],
      outcomes: [{ kind: "attach", lun: 0 }],
    },
    {
      because: "of two with one former LUN the first gets it",
      entries: [],
      requests: [attach("a", 1), attach("b", 1)],
      outcomes: [
        { kind: "attach", lun: 1 },
        { kind: "attach", lun: 0 },
      ],
    },
    {
      because: "one that returns takes the last place from no disk that is asked for first",
      entries: [there("x", 0)],
      requests: [attach("b"), attach("a", 2)],
      dataDisksMax: 2,
      outcomes: [{ kind: "attach", lun: 1 }, { kind: "noFreeLun" }],
    },
    {
      because: "a former LUN makes no room on a full VM",
      entries: [there("x", 0)],
      requests: [attach("a", 2)],
      dataDisksMax: 1,
      outcomes: [{ kind: "noFreeLun" }],
    },
    {
      because: "an attached disk stays, even at a LUN where another one is looked for",
      entries: [there("a", 3)],
      reservedLuns: [3],
      requests: [attach("a")],
      outcomes: [{ kind: "attached", lun: 3 }],
    },
    {
      because: "a disk that is being detached is detached first, then attached",
      entries: [there("a", 0, true)],
      requests: [attach("a")],
      outcomes: [{ kind: "finishDetach" }],
    },
    {
      because: "the slot of a disk that is being detached is not free yet",
      entries: [there("a", 0)],
      requests: [detach("a"), attach("b")],
      dataDisksMax: 1,
      outcomes: [{ kind: "detach" }, { kind: "later" }],
    },
    {
      because: "another client's detach frees a slot, too",
      entries: [there("a", 0, true)],
      requests: [attach("b")],
      dataDisksMax: 1,
      outcomes: [{ kind: "later" }],
    },
    {
      because: "a full VM without a detach takes nothing",
      entries: [there("a", 0)],
      requests: [attach("b"), detach("c")],
      dataDisksMax: 1,
      outcomes: [{ kind: "noFreeLun" }, { kind: "detached" }],
    },
    {
      because: "a disk that is attached needs no slot on a full VM",
      entries: [there("a", 0)],
      requests: [attach("a")],
      dataDisksMax: 1,
      outcomes: [{ kind: "attached", lun: 0 }],
    },
  ]) {
    it(because, () => {
      assert.deepEqual(
        planVmUpdate({ entries, reservedLuns, dataDisksMax, requests }),
        requests.map((diskRequest, index) => ({ diskRequest, outcome: outcomes[index] })),
      );
    });
  }
});
