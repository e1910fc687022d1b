import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isoTime } from "./iso-time.ts";
import { DEFAULT_LATENCIES, drawLatencyMs } from "./latency.ts";
import { createSeededRandom } from "./random.ts";

describe("latencies", () => {
  it("have the quantiles that they are given by", () => {
    const random = createSeededRandom(7);
    const drawn = Array.from({ length: 20_000 }, () => drawLatencyMs(DEFAULT_LATENCIES.attach, random, 2)).toSorted((left, right) => left - right);
    const quantile = (share: number): number => drawn[Math.floor(share * drawn.length)] ?? 0;
    assert.ok(Math.abs(quantile(0.5) - 8600) < 300, `median ${quantile(0.5)}`);
    assert.ok(Math.abs(quantile(0.99) - 60_600) < 6000, `p99 ${quantile(0.99)}`);
  });
});

describe("isoTime", () => {
  const rows = [0, 951_782_400_000, 1_709_164_799_999, 1_795_169_152_942, 4_102_444_800_000];
  for (const epochMs of rows) {
    it(`writes ${epochMs} as a calendar does`, () => {
      assert.equal(isoTime(epochMs), new Date(epochMs).toISOString().replace("Z", "+00:00"));
    });
  }
});
