import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Lane } from "./lane.ts";
import { BATCH_MAX, planBatch, splitBatch } from "./plan-batch.ts";

const waiting = (
  sequence: number,
  lane: Lane,
  diskKey = `disk-${sequence}`,
): { lane: Lane; sequence: number; diskKey: string } => ({
  lane,
  sequence,
  diskKey,
});

describe("planBatch", () => {
  it("puts the most urgent lane first, and within a lane the first to arrive", () => {
    const requests = [
      waiting(1, "prune"),
      waiting(2, "replicaAttach"),
      waiting(3, "primaryAttach"),
      waiting(4, "detach"),
      waiting(5, "primaryAttach"),
      waiting(6, "failover"),
    ];
    assert.deepEqual(
      planBatch(requests).map((request) => request.sequence),
      [6, 3, 5, 4, 2, 1],
    );
  });

  // They may contradict each other.
  it("takes only the first request of each disk, even if a later one is more urgent", () => {
    assert.deepEqual(planBatch([waiting(2, "primaryAttach", "a"), waiting(1, "detach", "a")]), [
      waiting(1, "detach", "a"),
    ]);
  });

  it("has a limit", () => {
    assert.equal(
      planBatch(Array.from({ length: BATCH_MAX + 5 }, (_, index) => waiting(index, "detach"))).length,
      BATCH_MAX,
    );
  });
});

describe("splitBatch", () => {
  it("separates suspects from the others", () => {
    assert.deepEqual(
      splitBatch([1, 2, 3, 4], (request) => request === 3),
      [[1, 2, 4], [3]],
    );
  });

  for (const { suspects, because } of [
    { suspects: () => false, because: "no disk is suspected" },
    { suspects: () => true, because: "everybody is" },
  ]) {
    it(`halves a batch when ${because}`, () => {
      assert.deepEqual(splitBatch([1, 2, 3], suspects), [[1, 2], [3]]);
    });
  }
});
