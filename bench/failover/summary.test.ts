import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Move } from "./move-pod.ts";
import { PHASES } from "./phases.ts";
import { summarise } from "./summary.ts";

const noPhases = Object.fromEntries(PHASES.map((phase) => [phase, 0])) as Move["phases"];

/** A move that took so long, a tenth of it in the driver. */
function aMove(totalMs: number, rest: Partial<Move> = {}): Move {
  return {
    totalMs,
    driverShareMs: totalMs / 10,
    phases: { ...noPhases, stage: totalMs / 2 },
    callsMs: { NodeStageVolume: totalMs / 20 },
    armCalls: 1,
    course: [],
    ...rest,
  };
}

describe("the summary of a benchmark", () => {
  it("has the median and the worst move by nearest rank under the known keys", () => {
    const moves = Array.from({ length: 20 }, (_, index) =>
      aMove(1_000 + 100 * index, index === 0 ? { armCalls: 4 } : {}),
    );
    assert.deepEqual(summarise(moves.toReversed()), {
      p50Ms: 1_900,
      p99Ms: 2_900,
      driverShareP50Ms: 190,
      driverShareP99Ms: 290,
      armCalls: 1.2,
      phases: { ...noPhases, stage: 950 },
      calls: { NodeStageVolume: 95 },
    });
  });

  it("counts a call as 0 ms in moves that do not have it", () => {
    const { calls } = summarise([
      aMove(1_000),
      aMove(2_000, { callsMs: { ControllerPublishVolume: 30 } }),
      aMove(3_000, { callsMs: {} }),
    ]);
    assert.deepEqual(calls, { NodeStageVolume: 0, ControllerPublishVolume: 0 });
  });
});
