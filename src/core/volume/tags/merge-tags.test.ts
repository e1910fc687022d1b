import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mergeTags } from "./merge-tags.ts";

describe("mergeTags", () => {
  for (const { because, present, changes, merged } of [
    {
      because: "adds, replaces and keeps",
      present: { a: "1", b: "1" },
      changes: { b: "2", c: "2" },
      merged: { a: "1", b: "2", c: "2" },
    },
    {
      because: "knows a name in another case",
      present: { Team: "1" },
      changes: { team: "2" },
      merged: { Team: "2" },
    },
    { because: "removes in another case", present: { Team: "1" }, changes: { TEAM: undefined }, merged: {} },
    {
      because: "removes nothing that is not there",
      present: { a: "1" },
      changes: { b: undefined },
      merged: { a: "1" },
    },
  ])
    it(because, () => assert.deepEqual(mergeTags(present, changes), merged));
});
