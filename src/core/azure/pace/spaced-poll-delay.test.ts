import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RECENT_DURATIONS_MAX } from "./poll-delay.ts";
import { SHARE_ENDED, isEndPredictable, sizeClassOf, spacedPollDelayMs } from "./spaced-poll-delay.ts";

const spacing = { closeMs: 250, wideMs: 3000 };
const MEDIAN_MS = 8000;

/** When an operation of that duration is polled, in milliseconds after its beginning. */
function pollsOf(
  durationMs: number,
  recentDurationsMs: readonly number[],
  shareEnded: number = SHARE_ENDED.attach,
): readonly number[] {
  const polls: number[] = [];
  const asked = { retryAfterMs: undefined, recentDurationsMs, shareEnded };
  for (let elapsedMs = 0; elapsedMs < durationMs; polls.push(elapsedMs))
    elapsedMs += Math.ceil(spacedPollDelayMs(spacing, { elapsedMs, ...asked }));
  return polls;
}

/** So many durations, spread as evenly as a log-logistic distribution of that scale has them. */
function spread(scale: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => {
    const share = (index + 0.5) / count;
    return MEDIAN_MS * (share / (1 - share)) ** scale;
  });
}

/** Means over many operations. */
function meansOf(
  durationsMs: readonly number[],
  recentDurationsMs: readonly number[],
  shareEnded?: number,
): { readonly polls: number; readonly lateMs: number } {
  const polled = durationsMs.map((durationMs) => ({
    durationMs,
    polls: pollsOf(durationMs, recentDurationsMs, shareEnded),
  }));
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    polls: mean(polled.map(({ polls }) => polls.length)),
    lateMs: mean(polled.map(({ durationMs, polls }) => (polls.at(-1) ?? 0) - durationMs)),
  };
}
describe("spacedPollDelayMs", () => {
  it("polls once, right after the end, where operations take as long", () => {
    assert.deepEqual(pollsOf(8300, [8300, 8300]), [8378]);
  });

  for (const { scale, lateMs } of [
    { scale: 0.02, lateMs: 200 },
    { scale: 0.055, lateMs: 400 },
    { scale: 0.165, lateMs: 1000 },
    { scale: 0.5, lateMs: 2600 },
  ])
    it(`notices ends after ${lateMs} ms with three polls where durations have the scale ${scale}`, () => {
      const { polls, ...late } = meansOf(spread(scale, 999), spread(scale, RECENT_DURATIONS_MAX));
      assert.ok(polls <= 3, `${polls} polls`);
      assert.ok(late.lateMs <= lateMs, `${late.lateMs} ms`);
    });

  it("polls no rarer for one slow operation among others that are alike", () => {
    const { polls, lateMs } = meansOf(spread(0.01, 999), [...spread(0.01, RECENT_DURATIONS_MAX - 1), 60_000]);
    assert.ok(polls <= 1.5 && lateMs <= 200, `${polls} polls, ${lateMs} ms`);
  });

  it("takes more polls for a smaller share, and notices the end sooner", () => {
    const [attach, detach] = [SHARE_ENDED.attach, SHARE_ENDED.detach].map((share) =>
      meansOf(spread(0.5, 999), spread(0.5, RECENT_DURATIONS_MAX), share),
    );
    assert.ok(attach !== undefined && detach !== undefined);
    assert.ok(attach.polls < detach.polls && attach.lateMs > detach.lateMs);
  });

  it("polls ever more seldom once Azure is slower than before", () => {
    assert.deepEqual(
      pollsOf(83_000, [8300, 8300]),
      [
        8378, 8630, 8960, 9620, 10_940, 13_580, 16_580, 19_896, 23_876, 28_652, 34_383, 41_260, 49_512,
        59_415, 71_298, 85_558,
      ],
    );
  });

  it("needs fewer polls of a slow operation the more of its like were slow", () => {
    const polls = [0, 5, 16].map((slow) => {
      const recent = Array.from({ length: RECENT_DURATIONS_MAX }, (_, index) =>
        index < slow ? 83_000 : 8300,
      );
      return pollsOf(83_000, recent).length;
    });
    assert.deepEqual(polls, [16, 13, 11]);
  });

  for (const durationMs of [10_000, 20_000, 40_000, 80_000, 160_000])
    it(`notices the end of an operation of ${durationMs} ms within a quarter of its time`, () => {
      for (const recent of [spread(0.5, RECENT_DURATIONS_MAX), [8300, 8300]]) {
        const polls = pollsOf(durationMs, recent);
        const noticedMs = polls.at(-1) ?? 0;
        assert.ok(noticedMs <= Math.max(durationMs * 1.25, durationMs + 3000), `${noticedMs} ms`);
        assert.ok(polls.length <= 20, `${polls.length} polls`);
      }
    });

  for (const { because, recentDurationsMs, durationMs, expected } of [
    {
      because: "two slow ones may have been an incident",
      recentDurationsMs: [300_000, 300_000],
      durationMs: 8000,
      expected: [15_000],
    },
    {
      because: "the next may be fast also after a long incident",
      recentDurationsMs: Array.from({ length: RECENT_DURATIONS_MAX }, () => 300_000),
      durationMs: 8000,
      expected: [15_000],
    },
    {
      because: "polls until the expected end are rare",
      recentDurationsMs: [40_000, 40_000],
      durationMs: 40_000,
      expected: [15_000, 18_000, 21_600, 25_920, 31_104, 37_325, 40_332],
    },
  ])
    it(`bounds the wait for the first poll: ${because}`, () => {
      assert.deepEqual(pollsOf(durationMs, recentDurationsMs), expected);
    });

  it("honours Retry-After, before and after the expected end", () => {
    const asked = { retryAfterMs: 20_000, recentDurationsMs: [8300, 8300], shareEnded: SHARE_ENDED.attach };
    for (const elapsedMs of [0, 8400, 9000])
      assert.equal(spacedPollDelayMs(spacing, { ...asked, elapsedMs }), 20_000);
  });

  it("waits for the shortest distance where operations took no time", () => {
    assert.deepEqual(pollsOf(1, [0, 0]), [spacing.closeMs]);
  });

  it("doubles the time spent for an operation after many that took no time", () => {
    assert.deepEqual(pollsOf(3000, [0, 0]), [250, 500, 999, 1997, 3993]);
  });
});

describe("isEndPredictable", () => {
  for (const { because, recentDurationsMs, expected } of [
    { because: "none was seen", recentDurationsMs: [], expected: false },
    { because: "one does not show how far they differ", recentDurationsMs: [8300], expected: false },
    { because: "two are alike", recentDurationsMs: [4000, 8000], expected: true },
    { because: "one may have been an incident", recentDurationsMs: [4000, 120_000], expected: false },
    { because: "a little more is too far apart", recentDurationsMs: [4000, 8001], expected: false },
    {
      because: "two of three may have been one",
      recentDurationsMs: [120_000, 99_000, 4000],
      expected: false,
    },
    { because: "three are alike", recentDurationsMs: [5000, 8000, 4000], expected: true },
    { because: "four have a median", recentDurationsMs: [4000, 5000, 4000, 120_000], expected: true },
    { because: "no time is alike, too", recentDurationsMs: [0, 0], expected: true },
  ])
    it(`is ${expected} of [${recentDurationsMs.join(", ")}]: ${because}`, () => {
      assert.equal(isEndPredictable(recentDurationsMs), expected);
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
