import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isoTime } from "../api/resource/iso-time.ts";
import { DEFAULT_LATENCIES, drawLatencyMs } from "./latency.ts";
import { createSeededRandom } from "./random.ts";

describe("latencies", () => {
  it("have the given quantiles", () => {
    const random = createSeededRandom(7);
    const drawn = Array.from({ length: 20_000 }, () =>
      drawLatencyMs(DEFAULT_LATENCIES.attach, random, 2),
    ).toSorted((left, right) => left - right);
    const quantile = (share: number): number => drawn[Math.floor(share * drawn.length)] ?? 0;
    assert.ok(Math.abs(quantile(0.5) - 8600) < 300, `median ${quantile(0.5)}`);
    assert.ok(Math.abs(quantile(0.99) - 60_600) < 6000, `p99 ${quantile(0.99)}`);
  });
});

describe("isoTime", () => {
  const rows: readonly (readonly [epochMs: number, text: string])[] = [
    [0, "1970-01-01T00:00:00.000+00:00"],
    [951_782_400_000, "2000-02-29T00:00:00.000+00:00"],
    [1_709_164_799_999, "2024-02-28T23:59:59.999+00:00"],
    [1_795_169_152_942, "2026-11-20T10:05:52.942+00:00"],
    [4_102_444_800_000, "2100-01-01T00:00:00.000+00:00"],
  ];
  for (const [epochMs, text] of rows) {
    it(`writes ${epochMs} as ${text}`, () => {
      assert.equal(isoTime(epochMs), text);
    });
  }
});
