import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nameList } from "./name-list.ts";

const names = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `n${index}`);

describe("nameList", () => {
  it("has all names up to ten, and the number of the others", () => {
    assert.equal(nameList([]), "");
    assert.equal(nameList(names(2)), "n0, n1");
    assert.equal(nameList(names(10)), names(10).join(", "));
    assert.equal(nameList(names(5_000)), `${names(10).join(", ")} and 4990 more`);
  });
});
