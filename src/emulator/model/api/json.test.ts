import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { memberPath, withoutPath } from "./json.ts";

describe("a value without the member at a path", () => {
  const value = { a: 1, list: [{ b: 1 }, { b: 2, c: 3 }] };

  it("lacks it in each element of a list", () => {
    assert.deepEqual(withoutPath(value, memberPath("list[].b")), { a: 1, list: [{}, { c: 3 }] });
    assert.deepEqual(withoutPath(value, memberPath("list[].c")), { a: 1, list: [{ b: 1 }, { b: 2 }] });
    assert.deepEqual(withoutPath(value, memberPath("list")), { a: 1 });
  });

  it("is the value itself where it had no such member", () => {
    for (const path of ["d", "list[].d", "a.b", "list[].b.c", "constructor.name", "__proto__.constructor"])
      assert.equal(withoutPath(value, memberPath(path)), value);
  });
});
