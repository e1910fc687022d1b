import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { recoveryIntervalMs } from "./recovery-interval.ts";

describe("recoveryIntervalMs", () => {
  const rows: readonly { readonly lengths: readonly number[]; readonly minutes: number }[] = [
    { lengths: [], minutes: 10 },
    { lengths: [1000], minutes: 10 },
    { lengths: [1001], minutes: 11 },
    { lengths: [10_000], minutes: 100 },
    // Each resource group costs a call, however few disks it has.
    { lengths: Array.from({ length: 31 }, () => 1), minutes: 31 },
    { lengths: [950, 0, 950], minutes: 21 },
    { lengths: [50_000], minutes: 120 },
  ];
  for (const { lengths, minutes } of rows)
    it(`is ${minutes} min for ${lengths.length} lists of ${Math.max(0, ...lengths)} disks at most`, () => {
      assert.equal(recoveryIntervalMs(lengths), minutes * 60_000);
    });
});
