import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { REBUILD_ANNOTATION, STORE_INCARNATION_ANNOTATION, VMS_READ_ANNOTATION } from "../api/lease.ts";
import { aLease } from "../testing/a-lease.ts";
import {
  incarnationToReadFor,
  rebuildEnd,
  rebuildMark,
  rollbackMark,
  vmsReadMark,
  withAnnotations,
} from "./rebuild-mark.ts";

describe("the rebuild mark of the Lease", () => {
  it("is set once, by a process that remembers more", () => {
    const lease = aLease({ counter: 3 });
    const remembered = { incarnation: 0, counter: 70 };
    const mark = rollbackMark(lease, remembered);
    assert.deepEqual(mark, { [REBUILD_ANNOTATION]: "1" });
    const marked = withAnnotations(lease, mark);
    assert.equal(rollbackMark(marked, remembered), undefined);
    assert.equal(rollbackMark(aLease({ counter: 71 }), remembered), undefined);
    // It moves neither holder nor counter.
    const { annotations, ...metadata } = lease.metadata;
    assert.deepEqual(marked, {
      ...lease,
      metadata: { ...metadata, annotations: { ...annotations, [REBUILD_ANNOTATION]: "1" } },
    });
  });

  it("names an incarnation above the one remembered", () => {
    const remembered = { incarnation: 4, counter: 7 };
    assert.deepEqual(rollbackMark(aLease({ incarnation: 1, counter: 900, mark: 4 }), remembered), {
      [REBUILD_ANNOTATION]: "5",
    });
  });

  it("names one above a mark that is lost, and no further one while it is there", () => {
    const remembered = { incarnation: 1, counter: 70, coming: 2 };
    assert.deepEqual(rollbackMark(aLease({ incarnation: 1, counter: 90 }), remembered), {
      [REBUILD_ANNOTATION]: "3",
    });
    assert.equal(rollbackMark(aLease({ incarnation: 1, counter: 3, mark: 2 }), remembered), undefined);
    assert.equal(rollbackMark(aLease({ incarnation: 1, counter: 3, mark: 3 }), remembered), undefined);
  });

  it("is not requested for an incarnation that is reached or marked", () => {
    const marks = [
      aLease({ incarnation: 1 }),
      aLease({ incarnation: 1, mark: 2 }),
      aLease({ incarnation: 2 }),
      aLease({ incarnation: 3 }),
      aLease({ mark: 9 }),
    ].map((lease) => rebuildMark(lease, 2));
    assert.deepEqual(marks, [{ [REBUILD_ANNOTATION]: "2" }, undefined, undefined, undefined, undefined]);
  });

  it("goes with the rebuild that it was set for, and not with another", () => {
    const ends = [2, 3].map((incarnation) => rebuildEnd(aLease({ incarnation: 1, mark: 2 }), incarnation));
    assert.deepEqual(ends, [{ [STORE_INCARNATION_ANNOTATION]: "2", [REBUILD_ANNOTATION]: "0" }, undefined]);
  });
});

describe("the mark that every VM was read", () => {
  const read = (incarnation: number) => ({ [VMS_READ_ANNOTATION]: String(incarnation) });
  for (const { lease, expected, because } of [
    { lease: aLease({}), expected: undefined, because: "no store was restored" },
    { lease: aLease({ incarnation: 2 }), expected: 2, because: "a restored store may have lost attachments" },
    { lease: aLease({ incarnation: 1, mark: 2 }), expected: undefined, because: "no record is trusted yet" },
    { lease: aLease({ incarnation: 2, mark: 1 }), expected: undefined, because: "a rebuild is not over" },
    {
      lease: withAnnotations(aLease({ incarnation: 2 }), read(1)),
      expected: 2,
      because: "it was restored again",
    },
    {
      lease: withAnnotations(aLease({ incarnation: 2 }), read(2)),
      expected: undefined,
      because: "all are read",
    },
  ])
    it(`asks for ${expected === undefined ? "no read" : `incarnation ${expected}`}: ${because}`, () =>
      assert.equal(incarnationToReadFor(lease), expected));

  it("is set for the incarnation that was read for, and for no later one", () => {
    assert.deepEqual(vmsReadMark(aLease({ incarnation: 2 }), 2), read(2));
    assert.equal(vmsReadMark(aLease({ incarnation: 3 }), 2), undefined);
    assert.equal(vmsReadMark(withAnnotations(aLease({ incarnation: 2 }), read(2)), 2), undefined);
  });
});
