import assert from "node:assert/strict";
import { it } from "node:test";
import { hasTwin } from "./has-twin.ts";

it("gives every 32nd seed a twin", () => {
  const withTwin = Array.from({ length: 100 }, (_, seed) => seed + 1).filter(hasTwin);
  assert.deepEqual(withTwin, [32, 64, 96]);
});
