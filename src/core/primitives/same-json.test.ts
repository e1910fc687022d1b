import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { sameJson } from "./same-json.ts";

const copyOf = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe("sameJson", () => {
  it("agrees with a strict comparison of the copies", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (left, right) => {
        assert.equal(sameJson(left, copyOf(left)), true);
        assert.equal(sameJson(left, right), isDeepStrictEqual(copyOf(left), copyOf(right)));
      }),
    );
  });
});
