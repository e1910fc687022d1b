import assert from "node:assert/strict";
import { it } from "node:test";
import { systemRandom } from "./system-random.ts";

it("gives numbers in [0, 1)", () => {
  const drawn = Array.from({ length: 100 }, () => systemRandom.next());
  assert.ok(drawn.every((number) => number >= 0 && number < 1));
  assert.ok(new Set(drawn).size > 1);
});

it("gives a fresh version 4 UUID in lower case each time", () => {
  assert.match(systemRandom.uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.notEqual(systemRandom.uuid(), systemRandom.uuid());
});
