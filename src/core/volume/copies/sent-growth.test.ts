import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LATE_REQUEST_MS } from "../../azure/late-request.ts";
import { fromTimestamp, toTimestamp } from "../../primitives/timestamp.ts";
import { aDetail, aVolume } from "../../testing/objects.ts";
import { growthToNote, sizeOnItsWay } from "./sent-growth.ts";

const NOW_MS = fromTimestamp("2026-11-28T12:00:00.000Z");

describe("a request for a size", () => {
  for (const { because, sizeGiB = 20, sentMs = NOW_MS, time = toTimestamp(sentMs), isOnItsWay } of [
    { because: "while it may arrive", sentMs: NOW_MS - LATE_REQUEST_MS + 1, isOnItsWay: true },
    { because: "where the clock of its sender is ahead", sentMs: NOW_MS + 60_000, isOnItsWay: true },
    { because: "once it is too old", sentMs: NOW_MS - LATE_REQUEST_MS, isOnItsWay: false },
    { because: "with a time far ahead", sentMs: NOW_MS + LATE_REQUEST_MS, isOnItsWay: false },
    { because: "with a time that a person has edited", time: "today", isOnItsWay: false },
    { because: "once the disk has it", sizeGiB: 10, isOnItsWay: false },
  ])
    it(`is ${isOnItsWay ? "" : "not "}on its way ${because}`, () => {
      const volume = aVolume({ status: { detail: aDetail(), sentGrowth: { sizeGiB, time } } });
      assert.equal(sizeOnItsWay(volume, NOW_MS), isOnItsWay ? sizeGiB : undefined);
    });

  it("is noted with the largest size that may arrive", () => {
    const sentGrowth = { sizeGiB: 20, time: toTimestamp(NOW_MS - 1_000) };
    const volume = aVolume({ status: { detail: aDetail(), sentGrowth } });
    const time = toTimestamp(NOW_MS);
    assert.deepEqual(growthToNote(volume, 15, NOW_MS), { sizeGiB: 20, time });
    assert.deepEqual(growthToNote(volume, 30, NOW_MS), { sizeGiB: 30, time });
  });
});
