import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { judgeRound, type Round, type Watched, type Written } from "./judge-late-writes.ts";

const END_MS = 1_000_000;
const LATER_MS = END_MS + 30_000;
const held: Round = {
  detach: { end: "Succeeded", retryAfter: [], startedMs: END_MS - 9_000, endedMs: END_MS, goneAfterMs: 400 },
  written: {
    acknowledged: 50,
    failed: "ENODEV",
    failedMs: LATER_MS,
    triedMs: LATER_MS,
    isHung: false,
    cutMs: 0,
    healedMs: END_MS + 1_001,
  },
  watched: {
    last: 50,
    late: 0,
    unsure: 0,
    landedMs: END_MS - 300,
    seenMs: END_MS - 290,
    untilMs: LATER_MS,
    isMarked: true,
    isHung: false,
  },
};
const written = (changes: Partial<Written>): Round => ({ ...held, written: { ...held.written, ...changes } });
const watched = (changes: Partial<Watched>): Round => ({ ...held, watched: { ...held.watched, ...changes } });
const detach = (changes: Partial<Round["detach"]>): Round => ({
  ...held,
  detach: { ...held.detach, ...changes },
});

describe("the judgement of a round", () => {
  const rows: readonly [because: string, round: Round, expected: string][] = [
    ["all is as it should be", held, "held"],
    ["a block landed that was not acknowledged", written({ acknowledged: 49 }), "held"],
    ["a block landed later", watched({ late: 1, last: 51 }), "broken"],
    ["a block landed later and the watch hung", watched({ late: 1, isHung: true }), "broken"],
    ["an acknowledged block is lost", written({ acknowledged: 51 }), "broken"],
    ["all acknowledged blocks are lost", watched({ last: 0 }), "broken"],
    ["a block is lost and no write failed", written({ acknowledged: 51, failed: null }), "broken"],
    ["the detach failed", detach({ end: "Failed" }), "not tried"],
    ["its end is not known", detach({ endedMs: Number.NaN }), "not tried"],
    ["they saw different disks", watched({ isMarked: false }), "not tried"],
    [
      "no block was written",
      { ...watched({ last: 0 }), written: { ...held.written, acknowledged: 0 } },
      "not tried",
    ],
    ["the watch ended early", watched({ untilMs: END_MS + 1_000 }), "not tried"],
    ["a block may be late: the watch lagged", watched({ unsure: 1, seenMs: END_MS + 2_000 }), "not tried"],
    ["the watch hung", watched({ isHung: true }), "not tried"],
    ["the watch failed", watched({ fault: "EIO" }), "not tried"],
    ["the writer failed", written({ fault: "ENOSPC" }), "not tried"],
    ["no write failed", written({ failed: null, failedMs: 0 }), "not tried"],
    ["writes failed only before the end", written({ failedMs: END_MS + 1_000 }), "not tried"],
    ["the last write hung", written({ failedMs: END_MS - 1, isHung: true }), "not tried"],
    ["the network was back early", written({ healedMs: END_MS + 1_000 }), "not tried"],
    ["the network was cut late", written({ cutMs: END_MS - 10_000 }), "not tried"],
    ["the beginning of the detach is not known", detach({ startedMs: Number.NaN }), "not tried"],
  ];
  for (const [because, round, expected] of rows)
    it(`says ${expected} where ${because}`, () => {
      assert.equal(judgeRound(round, "cut off").verdict, expected);
    });

  it("prints no time before the end as a negative one", () => {
    const details = [held, watched({ seenMs: END_MS + 400 })].map(
      (round) => judgeRound(round, "steadily").detail,
    );
    assert.match(details[0] ?? "", /the last one by 0\.3 s before the end of the detach/u);
    assert.match(details[1] ?? "", /the last one by 0\.4 s after the end of the detach/u);
  });
});
