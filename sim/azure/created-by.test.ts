import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createCreatedBy } from "./created-by.ts";

describe("the clusters that have created resources", () => {
  it("names the one that had done so by a call, where another has taken the name since", () => {
    const createdBy = createCreatedBy();
    createdBy.note("/disks/vol-3", "first", 10);
    createdBy.note("/disks/VOL-3", "second", 20);
    assert.deepEqual(
      [9, 10, 19, 20, undefined].map((sequence) => createdBy.find("/disks/Vol-3", sequence)),
      [undefined, "first", "first", "second", "second"],
    );
    assert.equal(createdBy.find("/disks/vol-4"), undefined);
  });

  it("names none of a resource that is gone, from that call on", () => {
    const createdBy = createCreatedBy();
    createdBy.note("/disks/vol-3", "first", 10);
    createdBy.noteGone("/disks/VOL-3", 20);
    assert.deepEqual(
      [10, 19, 20, undefined].map((sequence) => createdBy.find("/disks/vol-3", sequence)),
      ["first", "first", undefined, undefined],
    );
    assert.deepEqual(
      [createdBy.wasCreated("/disks/VOL-3"), createdBy.wasCreated("/disks/vol-4")],
      [true, false],
    );
    createdBy.note("/disks/vol-3", "second", 20);
    assert.equal(createdBy.find("/disks/vol-3", 20), "second");
  });
});
