import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pollDelayMs } from "../azure/pace/poll-delay.ts";
import { backoffMs } from "./backoff.ts";

describe("backoffMs", () => {
  it("doubles up to its limit", () => {
    const delays = [1, 2, 3, 4, 5, 1000].map((attempt) =>
      backoffMs({ baseMs: 200, maxMs: 800, attempt, chance: 0.999999 }),
    );
    assert.deepEqual(delays, [200, 400, 800, 800, 800, 800]);
  });

  it("spreads between half and all of the full delay", () => {
    assert.equal(backoffMs({ baseMs: 200, maxMs: 800, attempt: 1, chance: 0 }), 100);
    assert.equal(backoffMs({ baseMs: 200, maxMs: 800, attempt: 1, chance: 0.5 }), 150);
  });
});

describe("pollDelayMs", () => {
  const pace = { minMs: 1000, maxMs: 5000 };
  for (const { elapsedMs, retryAfterMs, expected, because } of [
    { elapsedMs: 0, retryAfterMs: undefined, expected: 1000, because: "the first polls come soon" },
    { elapsedMs: 20_000, retryAfterMs: undefined, expected: 2000, because: "later ones come in proportion" },
    { elapsedMs: 600_000, retryAfterMs: undefined, expected: 5000, because: "there is an upper limit" },
    { elapsedMs: 0, retryAfterMs: 3000, expected: 3000, because: "the service may ask for longer delays" },
    { elapsedMs: 0, retryAfterMs: 60_000, expected: 60_000, because: "also much longer ones" },
    { elapsedMs: 0, retryAfterMs: 3_600_000, expected: 60_000, because: "but not without limit" },
  ]) {
    it(`waits ${expected} ms after ${elapsedMs} ms: ${because}`, () => {
      assert.equal(pollDelayMs(pace, { elapsedMs, retryAfterMs }), expected);
    });
  }

  it("polls first when the fastest of the last such operations ended, then as usual", () => {
    const recentDurationsMs = [4000, 3000, 5000, 4000, 4000, 4000, 4000, 4000];
    assert.equal(pollDelayMs(pace, { elapsedMs: 0, retryAfterMs: undefined, recentDurationsMs }), 3000);
    assert.equal(pollDelayMs(pace, { elapsedMs: 3000, retryAfterMs: undefined, recentDurationsMs }), 250);
    assert.equal(pollDelayMs(pace, { elapsedMs: 4000, retryAfterMs: undefined, recentDurationsMs }), 500);
    assert.equal(pollDelayMs(pace, { elapsedMs: 9000, retryAfterMs: undefined, recentDurationsMs }), 1000);
    assert.equal(
      pollDelayMs(pace, {
        elapsedMs: 0,
        retryAfterMs: undefined,
        recentDurationsMs: recentDurationsMs.slice(1),
      }),
      1000,
    );
  });

  it("honours Retry-After where the end of an operation is predicted, too", () => {
    const recentDurationsMs = Array.from({ length: 8 }, () => 3000);
    for (const elapsedMs of [0, 3000])
      assert.equal(pollDelayMs(pace, { elapsedMs, retryAfterMs: 8000, recentDurationsMs }), 8000);
  });

  it("polls again at once after a poll a moment too early, then less and less often", () => {
    const recentDurationsMs = Array.from({ length: 8 }, () => 3000);
    const delays = [3000, 3025, 3050, 3100, 3400].map((elapsedMs) =>
      pollDelayMs(pace, { elapsedMs, retryAfterMs: undefined, recentDurationsMs }),
    );
    assert.deepEqual(delays, [25, 25, 25, 50, 200]);
  });
});
