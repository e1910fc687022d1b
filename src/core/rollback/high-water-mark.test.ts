import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aLease } from "../testing/a-lease.ts";
import { type HighWaterMark, highWaterMarkOf, isOlder } from "./high-water-mark.ts";

describe("isOlder", () => {
  const mark = (incarnation: number, counter: number): HighWaterMark => ({ incarnation, counter });
  const rows: readonly (readonly [
    because: string,
    shown: HighWaterMark,
    remembered: HighWaterMark,
    isOlder: boolean,
  ])[] = [
    ["nothing is remembered", mark(0, 1), mark(0, 0), false],
    ["it is what is remembered", mark(1, 7), mark(1, 7), false],
    ["it was renewed since", mark(1, 8), mark(1, 7), false],
    ["its counter is lower", mark(1, 6), mark(1, 7), true],
    ["its incarnation is lower", mark(0, 900), mark(1, 7), true],
    ["every record was rebuilt since", mark(2, 3), mark(1, 7), false],
  ];
  for (const [because, shown, remembered, expected] of rows)
    it(`calls a store ${expected ? "" : "not "}older than what is remembered where ${because}`, () => {
      assert.equal(isOlder(shown, remembered), expected);
      assert.deepEqual(highWaterMarkOf(aLease(shown)), shown);
    });

  // A backup from right before the mark was restored: no counter shows that.
  it("calls a store older that has lost the mark of a rebuild before its end", () => {
    const rebuilding = highWaterMarkOf(aLease({ incarnation: 1, mark: 2, counter: 7 }));
    assert.equal(isOlder(highWaterMarkOf(aLease({ incarnation: 1, counter: 9 })), rebuilding), true);
    assert.equal(isOlder(highWaterMarkOf(aLease({ incarnation: 2, counter: 7 })), rebuilding), false);
    assert.equal(isOlder(rebuilding, mark(2, 1)), true, "it had ended already");
  });
});
