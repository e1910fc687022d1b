import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createMissingTime, MISSING_REMEMBERED_MS } from "./observed-times.ts";

describe("the time that an object has been missing", () => {
  it("counts from its disappearance, or from when watching began", () => {
    const missing = createMissingTime();
    missing.went("node-a", 5_000);
    assert.equal(missing.missingMs("node-a", 8_000), 3_000);
    assert.equal(missing.missingMs("node-b", 8_000), 8_000);
  });

  it("restarts once the object existed again", () => {
    const missing = createMissingTime();
    missing.went("node-a", 5_000);
    missing.came("node-a");
    missing.went("node-a", 20_000);
    assert.equal(missing.missingMs("node-a", 21_000), 1_000);
  });

  it("says no more than its limit, also of one that it no longer remembers", () => {
    const missing = createMissingTime();
    missing.went("node-a", 1_000);
    missing.went("node-b", MISSING_REMEMBERED_MS + 1_000);
    const atMs = MISSING_REMEMBERED_MS + 2_000;
    assert.deepEqual(
      [missing.missingMs("node-a", atMs), missing.missingMs("node-b", atMs)],
      [MISSING_REMEMBERED_MS, 1_000],
    );
  });

  it("is never negative: an own write is later than the last report of the watch", () => {
    const missing = createMissingTime();
    missing.went("node-a", 5_000);
    assert.equal(missing.missingMs("node-a", 4_000), 0);
  });
});
