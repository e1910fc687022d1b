import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { shortened } from "./shortened.ts";

describe("shortened", () => {
  const rows = [
    { text: "", maxBytes: 9, expected: "" },
    { text: "abcdefghi", maxBytes: 9, expected: "abcdefghi" },
    { text: "abcdefghij", maxBytes: 9, expected: "ab … ij" },
    { text: "aäöüßz", maxBytes: 10, expected: "aäöüßz" },
    { text: "aäöüßz", maxBytes: 9, expected: "a … z" },
    { text: "\u{1F600}bcdefg\u{1F600}", maxBytes: 13, expected: "\u{1F600} … \u{1F600}" },
    // Of half a character there is no UTF-8.
    { text: "a\uD83D", maxBytes: 9, expected: "a\uFFFD" },
  ];
  for (const { text, maxBytes, expected } of rows)
    it(`keeps both ends of ${JSON.stringify(text)} in ${maxBytes} bytes`, () => {
      assert.equal(shortened(text, maxBytes), expected);
      assert.ok(Buffer.byteLength(expected) <= maxBytes);
    });
});
