import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ETAG_WRITE_ANNOTATION } from "../../core/api/lease.ts";
import { aLease } from "../../core/testing/a-lease.ts";
import { LeaseHighWaterMark } from "./lease-high-water-mark.ts";

describe("LeaseHighWaterMark", () => {
  it("learns which write moves an ETag, one kind after the other", () => {
    const memory = new LeaseHighWaterMark();
    const known = [memory.etagWrite];
    for (const write of ["empty", "empty", "dataDisks", "tag", "empty"] as const) {
      memory.recordEtagUnmoved(write);
      known.push(memory.etagWrite);
    }
    assert.deepEqual(known, ["empty", "dataDisks", "dataDisks", "tag", "tag", "tag"]);
  });

  it("adopts an earlier leader's value from the Lease, and never loses it", () => {
    const memory = new LeaseHighWaterMark();
    const { metadata, ...lease } = aLease({});
    memory.saw({
      ...lease,
      metadata: { ...metadata, annotations: { [ETAG_WRITE_ANNOTATION]: "dataDisks" } },
    });
    assert.equal(memory.etagWrite, "dataDisks");
    memory.saw(aLease({}));
    assert.equal(memory.etagWrite, "dataDisks");
  });

  it("knows the incarnation that a rebuild is about to begin, and never one before it", () => {
    const memory = new LeaseHighWaterMark();
    const known = [
      aLease({ incarnation: 1 }),
      aLease({ incarnation: 1, mark: 2 }),
      aLease({ incarnation: 1 }),
      aLease({ incarnation: 2 }),
    ].map((lease) => {
      memory.saw(lease);
      return memory.comingIncarnation;
    });
    assert.deepEqual(known, [1, 2, 2, 2]);
  });
});
