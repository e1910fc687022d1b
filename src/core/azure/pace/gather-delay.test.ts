import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Gathering, gatherDelayMs } from "./gather-delay.ts";

const limits = { quietMs: 100, maxMs: 500 };
const expected = { isOtherExpected: (): boolean => true };
const unasked = { isOtherExpected: (): boolean => assert.fail("asked though it decides nothing") };
const alone: Gathering = {
  elapsedMs: 0,
  sinceArrivalMs: 0,
  requests: 1,
  announced: 0,
  isOtherExpected: () => false,
  isFailover: false,
};

describe("gatherDelayMs", () => {
  const rows: readonly (readonly [string, Partial<Gathering>, number])[] = [
    ["a request without a sign of others starts at once", {}, 0],
    ["a request waits for others on their way", expected, 100],
    ["but only until none has arrived for a while", { ...expected, elapsedMs: 100, sinceArrivalMs: 100 }, 0],
    ["each arrival extends the wait", { ...unasked, requests: 5, elapsedMs: 180, sinceArrivalMs: 10 }, 90],
    ["up to the limit", { ...unasked, requests: 30, elapsedMs: 450, sinceArrivalMs: 10 }, 50],
    ["and not beyond it", { ...unasked, requests: 30, elapsedMs: 600, sinceArrivalMs: 10 }, 0],
    ["two requests may be the first of more", { requests: 2, elapsedMs: 20, sinceArrivalMs: 20 }, 80],
    ["requests that gathered during an update start at once", { requests: 9, sinceArrivalMs: 8000 }, 0],
    [
      "announced requests are waited for",
      { ...unasked, announced: 1, elapsedMs: 200, sinceArrivalMs: 200 },
      300,
    ],
    ["a failover waits for none", { ...unasked, isFailover: true, announced: 2, requests: 5 }, 0],
  ];
  for (const [name, change, delayMs] of rows)
    it(name, () => assert.equal(gatherDelayMs(limits, { ...alone, ...change }), delayMs));

  it("makes no update wait where gathering is switched off", () => {
    const off = { quietMs: 0, maxMs: 0 };
    assert.equal(gatherDelayMs(off, { ...alone, ...expected, requests: 9, announced: 2 }), 0);
  });

  it("ends: after the longest wait every update starts", () => {
    for (const requests of [1, 9])
      for (const announced of [0, 3])
        for (const sign of [{}, expected]) {
          const gathering = { ...alone, ...sign, requests, announced, elapsedMs: limits.maxMs };
          assert.equal(gatherDelayMs(limits, gathering), 0);
        }
  });
});
