import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Gathering, gatherDelayMs } from "./gather-delay.ts";

const limits = { quietMs: 100, maxMs: 500 };
const alone: Gathering = {
  elapsedMs: 0,
  sinceArrivalMs: 0,
  requests: 1,
  announced: 0,
  expected: 0,
  isFailover: false,
};

describe("gatherDelayMs", () => {
  const rows: readonly (readonly [string, Partial<Gathering>, number])[] = [
    ["a request without a sign of others starts at once", {}, 0],
    ["a request waits for others on their way", { expected: 3 }, 100],
    ["but only until none has arrived for a while", { expected: 3, elapsedMs: 100, sinceArrivalMs: 100 }, 0],
    ["each arrival extends the wait", { requests: 5, expected: 3, elapsedMs: 180, sinceArrivalMs: 10 }, 90],
    ["up to the limit", { requests: 30, expected: 3, elapsedMs: 450, sinceArrivalMs: 10 }, 50],
    ["and not beyond it", { requests: 30, expected: 3, elapsedMs: 600, sinceArrivalMs: 10 }, 0],
    ["two requests may be the first of more", { requests: 2, elapsedMs: 20, sinceArrivalMs: 20 }, 80],
    ["requests that gathered during an update start at once", { requests: 9, sinceArrivalMs: 8000 }, 0],
    ["announced requests are waited for", { announced: 1, elapsedMs: 200, sinceArrivalMs: 200 }, 300],
    ["a failover waits for none", { isFailover: true, announced: 2, expected: 2, requests: 5 }, 0],
  ];
  for (const [name, change, expected] of rows)
    it(name, () => assert.equal(gatherDelayMs(limits, { ...alone, ...change }), expected));

  it("makes no update wait where gathering is switched off", () => {
    const off = { quietMs: 0, maxMs: 0 };
    assert.equal(gatherDelayMs(off, { ...alone, requests: 9, announced: 2, expected: 2 }), 0);
  });

  it("ends: after the longest wait every update starts", () => {
    for (const requests of [1, 9])
      for (const announced of [0, 3])
        for (const expected of [0, 3]) {
          const gathering = { ...alone, requests, announced, expected, elapsedMs: limits.maxMs };
          assert.equal(gatherDelayMs(limits, gathering), 0);
        }
  });
});
