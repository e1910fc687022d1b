import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InvariantViolation } from "../failure/invariant.ts";
import { toTimestamp, fromTimestamp } from "./timestamp.ts";

describe("timestamps", () => {
  it("keep their milliseconds when they are written and read back", () => {
    assert.equal(toTimestamp(1_795_167_771_042), "2026-11-20T09:42:51.042Z");
    assert.equal(fromTimestamp("2026-11-20T09:42:51.042Z"), 1_795_167_771_042);
  });

  it("are read as Kubernetes writes them, without milliseconds", () => {
    assert.equal(fromTimestamp("2026-11-20T09:42:51Z"), 1_795_167_771_000);
  });

  it("are a bug when they can't be read", () => {
    assert.throws(() => fromTimestamp("yesterday"), InvariantViolation);
  });
});
