import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { blocked, corrected, fullBucket, refilled, spent, waitMs } from "./token-bucket.ts";

/** What Azure gives each VM: four updates a minute, twelve at once. */
const limit = { burst: 12, perMinute: 4 };

const afterCalls = (count: number): ReturnType<typeof fullBucket> => {
  let bucket = fullBucket(limit, 0);
  for (let call = 0; call < count; call++) bucket = spent(bucket, limit, 0);
  return bucket;
};

describe("token bucket", () => {
  for (const { calls, urgency, expected, because } of [
    { calls: 0, urgency: "normal", expected: 0, because: "a full bucket lets every call through" },
    { calls: 8, urgency: "normal", expected: 0, because: "one token is above the reserve of three" },
    { calls: 9, urgency: "normal", expected: 15_000, because: "only the reserve is left" },
    { calls: 9, urgency: "reserve", expected: 0, because: "the reserve is for such calls" },
    { calls: 12, urgency: "reserve", expected: 15_000, because: "the reserve is used up" },
    {
      calls: 13,
      urgency: "reserve",
      expected: 30_000,
      because: "calls under way that did not wait count, too",
    },
    { calls: 13, urgency: "now", expected: 0, because: "failover calls do not wait for tokens" },
    { calls: 5, urgency: "last", expected: 0, because: "one token is above the half that is for all others" },
    { calls: 6, urgency: "last", expected: 15_000, because: "only the half that is for all others is left" },
  ] as const) {
    it(`delays a ${urgency} call by ${expected} ms after ${calls} calls: ${because}`, () => {
      assert.equal(waitMs(afterCalls(calls), limit, { nowMs: 0, urgency }), expected);
    });
  }

  it("refills with time, up to its size", () => {
    assert.equal(refilled(afterCalls(12), limit, 30_000).tokens, 2);
    assert.equal(refilled(afterCalls(12), limit, 3_600_000).tokens, 12);
  });

  it("never gains tokens when the clock is set back", () => {
    assert.equal(refilled({ tokens: 1, ownTokens: 1, atMs: 5000, blockedUntilMs: 0 }, limit, 1000).tokens, 1);
  });

  it("accepts Azure's lower count of calls left, never a higher one", () => {
    assert.equal(corrected(fullBucket(limit, 0), limit, { nowMs: 0, remaining: 3 }).tokens, 3);
    assert.equal(corrected(afterCalls(10), limit, { nowMs: 0, remaining: 9 }).tokens, 2);
    assert.equal(corrected(afterCalls(10), limit, { nowMs: 0, remaining: undefined }).tokens, 2);
  });

  it("delays no call for other clients' calls if only own ones count", () => {
    const usedUp = corrected(afterCalls(1), limit, { nowMs: 0, remaining: 0 });
    assert.equal(waitMs(usedUp, limit, { nowMs: 0, urgency: "normal" }), 60_000);
    assert.equal(waitMs(usedUp, limit, { nowMs: 0, urgency: "normal", counts: "own" }), 0);
    const ownUsedUp = corrected(afterCalls(9), limit, { nowMs: 0, remaining: 0 });
    assert.equal(waitMs(ownUsedUp, limit, { nowMs: 0, urgency: "normal", counts: "own" }), 15_000);
    const refused = blocked(usedUp, { nowMs: 0, retryAfterMs: 5000 });
    assert.equal(waitMs(refused, limit, { nowMs: 0, urgency: "normal", counts: "own" }), 5000);
  });

  it("has no debts once Azure has accepted the call: its bucket has none", () => {
    assert.equal(corrected(afterCalls(15), limit, { nowMs: 0, remaining: undefined }).tokens, 0);
  });

  it("delays every call, failover included, until Retry-After has passed", () => {
    const bucket = blocked(fullBucket(limit, 0), { nowMs: 1000, retryAfterMs: 5000 });
    assert.equal(waitMs(bucket, limit, { nowMs: 2000, urgency: "now" }), 4000);
    assert.equal(waitMs(bucket, limit, { nowMs: 6000, urgency: "normal" }), 0);
  });
});
