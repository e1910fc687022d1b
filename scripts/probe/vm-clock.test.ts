import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clockFault, type ClockReading } from "./vm-clock.ts";

describe("the clock of a VM", () => {
  const fit: ClockReading = { nowMs: 50_000, errorMs: 2, startedMs: 40_000, endedMs: 60_000 };
  const rows: readonly [because: string, reading: ClockReading, expected: RegExp][] = [
    ["it is not synchronised", { ...fit, errorMs: null }, /^its clock is not synchronised: /u],
    ["the program said nothing of it", { ...fit, errorMs: undefined }, /^its clock is not synchronised: /u],
    ["it may be wrong by too much", { ...fit, errorMs: 501 }, /^its clock may be wrong by 501 ms, /u],
    ["Azure names no beginning", { ...fit, startedMs: Number.NaN }, /^Azure does not say when /u],
    ["Azure names no end", { ...fit, endedMs: Number.NaN }, /^Azure does not say when /u],
    ["it is behind", { ...fit, nowMs: 39_000 }, /^its clock is not Azure's: /u],
    ["it is ahead", { ...fit, nowMs: 61_000 }, /^its clock is not Azure's: /u],
    ["the program printed no time", { ...fit, nowMs: undefined }, /^its clock is not Azure's: /u],
  ];
  for (const [because, reading, expected] of rows)
    it(`is refused where ${because}`, () => {
      assert.match(clockFault(reading) ?? "", expected);
    });

  it("is fit where its bound allows for Azure's", () => {
    assert.equal(clockFault(fit), undefined);
    assert.equal(clockFault({ ...fit, errorMs: 500 }), undefined);
  });
});
