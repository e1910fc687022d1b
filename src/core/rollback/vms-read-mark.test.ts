import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { VMS_READ_ANNOTATION } from "../api/lease.ts";
import { aLease } from "../testing/a-lease.ts";
import { withAnnotations } from "./rebuild-mark.ts";
import { incarnationToReadFor, vmsReadMark } from "./vms-read-mark.ts";

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
