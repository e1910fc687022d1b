import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { durationMs } from "./iso-duration.ts";

describe("an ISO 8601 duration", () => {
  const rows = [
    ["PT0S", 0],
    ["PT30S", 30_000],
    ["PT1M30S", 90_000],
    ["PT0.5S", 500],
    ["P1DT2H", 93_600_000],
    ["PT", undefined],
    ["P", undefined],
    ["30S", undefined],
    ["PT-5S", undefined],
  ] as const;
  for (const [text, expected] of rows)
    it(`${text} is ${expected ?? "none"}`, () => assert.equal(durationMs(text), expected));
});
