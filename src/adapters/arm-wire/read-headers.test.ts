import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readRetryAfterMs } from "./read-headers.ts";

const NOW_MS = Date.UTC(2026, 0, 1, 12, 0, 0);

describe("Retry-After", () => {
  for (const [header, delayMs, because] of [
    [undefined, undefined, "there is none"],
    ["", undefined, "it is empty"],
    ["soon", undefined, "it is neither"],
    ["7", 7_000, "seconds"],
    ["1.5", 1_500, "parts of seconds"],
    ["-3", 0, "the past"],
    ["Thu, 01 Jan 2026 12:01:00 GMT", 60_000, "a date"],
    ["Thu, 01 Jan 2026 11:59:00 GMT", 0, "a date in the past"],
    ["86400", 3_600_000, "a day, as of a proxy"],
    ["Fri, 02 Jan 2026 12:00:00 GMT", 3_600_000, "a date by a clock that is a day ahead"],
    ["1e300", 3_600_000, "a number beyond all times"],
    ["Infinity", undefined, "no number of HTTP"],
  ] as const)
    it(`is ${delayMs ?? "not read"}: ${because}`, () =>
      assert.equal(readRetryAfterMs(header, NOW_MS), delayMs));
});
