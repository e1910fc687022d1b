import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createUnfrozenCopies } from "./unfrozen-copies.ts";

const GROUP = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute";
const DISK = `${GROUP}/disks/vol-1`;
const SNAPSHOT = `${GROUP}/snapshots/snapshot-1`;
const frozen = { diskUri: DISK, frozenForMs: 500, unflushed: [] };

describe("copies of disks whose file systems are not frozen", () => {
  for (const { because, fileSystems, why } of [
    { because: "mounted nowhere", fileSystems: [], why: [] },
    { because: "frozen since before", fileSystems: [frozen], why: [] },
    {
      because: "another disk is mounted",
      fileSystems: [{ ...frozen, diskUri: `${GROUP}/disks/vol-2`, frozenForMs: undefined }],
      why: [],
    },
    {
      because: "thawed too early, and written",
      fileSystems: [{ ...frozen, frozenForMs: undefined, unflushed: ["/record-1"] }],
      why: ["its file system was mounted and not frozen", "/record-1 was written and not on the disk"],
    },
    {
      because: "frozen too late",
      fileSystems: [{ ...frozen, frozenForMs: 300 }],
      why: ["its file system was frozen 100 ms after Azure was asked"],
    },
  ])
    it(`says ${why.length === 0 ? "nothing" : "why"}: ${because}`, () => {
      const copies = createUnfrozenCopies();
      copies.note({ sourceId: DISK.toUpperCase(), diskId: SNAPSHOT, forMs: 400 }, fileSystems);
      assert.deepEqual(copies.whyUnfrozen(SNAPSHOT.toUpperCase()), why);
    });
});
