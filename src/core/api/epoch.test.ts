import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { COUNTER_MAX, EPOCH_AHEAD_MAX, highestEpoch } from "./epoch.ts";

describe("highestEpoch", () => {
  const rows = [
    { because: "no node reports any", recorded: 4, reported: [], highest: 4 },
    { because: "a node has seen more grants than a backup knows", recorded: 4, reported: [3, 9], highest: 9 },
    {
      because: "the farthest that is believed",
      recorded: 4,
      reported: [4 + EPOCH_AHEAD_MAX],
      highest: 4 + EPOCH_AHEAD_MAX,
    },
    {
      because: "one more is a damaged file or a lie",
      recorded: 4,
      reported: [5 + EPOCH_AHEAD_MAX],
      highest: 4,
    },
    {
      because: "exact integers end there",
      recorded: 4,
      reported: [Number.MAX_SAFE_INTEGER, 2 ** 63],
      highest: 4,
    },
    {
      because: "no room would be left",
      recorded: COUNTER_MAX - EPOCH_AHEAD_MAX,
      reported: [COUNTER_MAX - 1],
      highest: COUNTER_MAX - EPOCH_AHEAD_MAX,
    },
  ];
  for (const { because, recorded, reported, highest } of rows)
    it(`answers ${highest}: ${because}`, () => assert.equal(highestEpoch(recorded, reported), highest));
});
