import assert from "node:assert/strict";
import { it } from "node:test";
import { putNewest } from "./put-newest.ts";

it("deletes the entry that was put longest ago", () => {
  const map = new Map<string, number>();
  putNewest(map, "a", 1, 2);
  putNewest(map, "b", 2, 2);
  putNewest(map, "a", 3, 2);
  putNewest(map, "c", 4, 2);
  assert.deepEqual(
    [...map],
    [
      ["a", 3],
      ["c", 4],
    ],
  );
});
