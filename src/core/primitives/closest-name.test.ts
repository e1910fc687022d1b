import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { closestName } from "./closest-name.ts";

describe("closestName", () => {
  const candidates = ["skuName", "cachingMode", "maxShares", "fsType"];
  for (const [name, closest] of [
    ["skuname", "skuName"],
    ["cacheMode", "cachingMode"],
    ["maxShare", "maxShares"],
    ["fsTpye", "fsType"],
    ["color", undefined],
    ["", undefined],
    [`${"x".repeat(100)}maxShares`, undefined],
  ] as const) {
    it(`answers ${closest ?? "nothing"} for ${JSON.stringify(name)}`, () =>
      assert.equal(closestName(name, candidates), closest));
  }
});
