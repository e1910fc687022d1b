import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeLanes, processorTimes } from "./lane-times.ts";

describe("the times of lanes", () => {
  it("show each lane's, and what the processors did for no suite", () => {
    assert.equal(
      describeLanes(
        [
          { lane: "machine", durationMs: 1_500_000, processorMs: 200_000 },
          { lane: "simulation", durationMs: 900_040, processorMs: 800_000 },
          { lane: "machine", durationMs: 0, processorMs: 0 },
        ],
        { busyMs: 1_000, idleMs: 5_000 },
        { busyMs: 2_501_000, idleMs: 505_000 },
      ),
      "lane                      time processor\n" +
        "machine               1500.0 s   200.0 s\n" +
        "simulation             900.0 s   800.0 s\n" +
        "processors busy for 2500.0 s of 3000.0 s, 1500.0 s of it for labs and other programs",
    );
  });

  it("are read while processors work", () => {
    const before = processorTimes();
    const endMs = performance.now() + 50;
    while (performance.now() < endMs);
    assert.ok(processorTimes().busyMs > before.busyMs);
  });
});
