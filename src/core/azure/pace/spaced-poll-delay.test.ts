import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sizeClassOf, spacedPollDelayMs } from "./spaced-poll-delay.ts";

const spacing = { closeMs: 500, wideMs: 3000 };
const alike = [8300, 8300, 8300, 8300];
const various = [4000, 6000, 8000, 10_000, 12_000, 20_000, 30_000, 60_000];

/** When an operation of that duration is polled, in milliseconds after its beginning. */
function pollsOf(durationMs: number, recentDurationsMs: readonly number[]): readonly number[] {
  const polls: number[] = [];
  for (let elapsedMs = 0; elapsedMs < durationMs; polls.push(elapsedMs))
    elapsedMs += Math.round(
      spacedPollDelayMs(spacing, { elapsedMs, retryAfterMs: undefined, recentDurationsMs }),
    );
  return polls;
}

describe("spacedPollDelayMs", () => {
  it("polls once, at the end, where all operations take as long", () => {
    assert.deepEqual(pollsOf(8300, alike), [8466]);
  });

  it("polls soon again where all took as long, and then ever more seldom", () => {
    assert.deepEqual(pollsOf(16_000, alike), [8466, 8966, 9466, 10_466, 12_466, 15_466, 18_559]);
  });

  it("waits for a third of differing durations, then polls three seconds apart", () => {
    assert.deepEqual(pollsOf(13_000, various), [8160, 11_160, 14_160]);
  });

  it("notices the end of a long operation within a quarter of its time", () => {
    for (const durationMs of [10_000, 20_000, 40_000, 80_000, 160_000]) {
      const polls = pollsOf(durationMs, various);
      const noticedMs = polls.at(-1) ?? 0;
      assert.ok(noticedMs <= Math.max(durationMs * 1.25, durationMs + 3000), `${durationMs}: ${noticedMs}`);
      assert.ok(polls.length <= 17, `${durationMs}: ${polls.length} polls`);
    }
  });

  for (const { because, recentDurationsMs, durationMs, expected } of [
    {
      because: "three slow ones may have been an incident",
      recentDurationsMs: [300_000, 300_000, 300_000],
      durationMs: 8000,
      expected: [15_000],
    },
    {
      because: "the next may be fast also after a long incident",
      recentDurationsMs: Array.from({ length: 16 }, () => 300_000),
      durationMs: 8000,
      expected: [15_000],
    },
    {
      because: "some took long, and the others didn't",
      recentDurationsMs: [8000, 8000, ...Array.from({ length: 14 }, () => 300_000)],
      durationMs: 8000,
      expected: [15_000],
    },
    {
      because: "polls until the expected end are rare",
      recentDurationsMs: [40_000, 40_000, 40_000],
      durationMs: 40_000,
      expected: [15_000, 18_000, 21_600, 25_920, 31_104, 37_325, 40_800],
    },
  ])
    it(`bounds the wait for the first poll: ${because}`, () => {
      assert.deepEqual(pollsOf(durationMs, recentDurationsMs), expected);
    });

  it("honours Retry-After, before and after the expected end", () => {
    for (const elapsedMs of [0, 8400, 9000])
      assert.equal(
        spacedPollDelayMs(spacing, { elapsedMs, retryAfterMs: 20_000, recentDurationsMs: alike }),
        20_000,
      );
  });
});

describe("sizeClassOf", () => {
  it("puts updates of about as many disks together", () => {
    assert.deepEqual(
      [0, 1, 2, 3, 4, 7, 8, 12, 16, 30, 32, 64].map(sizeClassOf),
      [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6],
    );
  });
});
