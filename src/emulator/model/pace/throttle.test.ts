import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Buckets, throttle, type ThrottledCall } from "./throttle.ts";

function aPoll(nth: number, mode: ThrottledCall["mode"] = "report"): ThrottledCall {
  const path = `/subscriptions/s/providers/Microsoft.Compute/locations/eastus/operations/${nth}`;
  const plenty = { burst: 1_000_000, perMinute: 1 };
  const shared = {
    GetOperationSubscriptionMaximum: plenty,
    "subscription-reads": plenty,
    "subscription-global-reads": plenty,
  };
  const limits = { ...shared, GetOperationResource: { burst: 1, perMinute: 1 } };
  return {
    operation: "Operations_Get",
    isPoll: true,
    method: "GET",
    path,
    nowMs: 0,
    timeScale: 1,
    mode,
    limits,
    groups: {},
  };
}

describe("throttle", () => {
  it("keeps no bucket for ever: each polled operation has its own", () => {
    const buckets: Buckets = new Map();
    for (let nth = 0; nth < 30_000; nth++) throttle(buckets, aPoll(nth));
    assert.equal(buckets.size, 20_000);
  });

  it("drops the least recently used bucket, and continues to count by the others", () => {
    const buckets: Buckets = new Map();
    throttle(buckets, aPoll(0));
    for (let nth = 1; nth < 50_000; nth++) throttle(buckets, aPoll(nth % 2 === 0 ? 0 : nth));
    const refused = [0, 1, 49_999].map(
      (nth) => throttle(buckets, aPoll(nth, "enforce")).refused !== undefined,
    );
    assert.deepEqual(refused, [true, false, true]);
  });
});
