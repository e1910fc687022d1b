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
    [0, "1970-01-01T00:00:00.0009126+00:00"],
    [951_782_400_000, "2000-02-29T00:00:00.0009126+00:00"],
    [1_709_164_799_999, "2024-02-28T23:59:59.9991207+00:00"],
    [1_795_169_152_942, "2026-11-20T10:05:52.9426824+00:00"],
    [4_102_444_800_000, "2100-01-01T00:00:00.0009126+00:00"],
    [1_795_169_150_046, "2026-11-20T10:05:50.04634+00:00"],
  ];
  for (const [epochMs, text] of rows) {
    it(`writes ${epochMs} as ${text}`, () => {
      assert.equal(isoTime(epochMs), text);
    });
  }

  it("has seven digits at most, keeps the order and the millisecond", () => {
    const times = Array.from({ length: 3000 }, (_, index) => 1_795_169_152_000 + index);
    const texts = times.map(isoTime);
    const digits = new Set(texts.map((text) => /\.(\d*[1-9])\+00:00$/u.exec(text)?.[1]?.length ?? 0));
    assert.equal(Math.max(...digits), 7);
    assert.ok(digits.has(6));
    assert.deepEqual(
      texts.map((text) => text.slice(17, 23)),
      times.map((time) => ((time % 60_000) / 1000).toFixed(3).padStart(6, "0")),
    );
    const order = (text: string): string => text.replace("+00:00", "");
    assert.deepEqual(texts.map(order).toSorted(), texts.map(order));
  });
});
