import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EPOCH_AHEAD_MAX } from "../api/epoch.ts";
import { judgeCheckpoint, UNEXPLAINED_CHECKPOINTS_MAX } from "./judge-checkpoint.ts";

const checkpointsOf = (count: number, epoch = 1) =>
  Array.from({ length: count }, (_, index) => ({ volumeName: `pvc-${index}`, epoch }));
const nothing = (): boolean => false;

describe("judgeCheckpoint", () => {
  it("believes as many unexplained checkpoints as a VM has disks, ignores the rest", () => {
    const checkpoints = checkpointsOf(UNEXPLAINED_CHECKPOINTS_MAX + 1);
    const judge = (volumeName: string, isExplained: (name: string) => boolean) =>
      judgeCheckpoint(checkpoints, { volumeName, recordedEpoch: 1, isExplained })?.kind;
    const last = `pvc-${UNEXPLAINED_CHECKPOINTS_MAX}`;
    assert.deepEqual(
      [
        judge("pvc-0", nothing),
        judge(`pvc-${UNEXPLAINED_CHECKPOINTS_MAX - 1}`, nothing),
        judge(last, nothing),
      ],
      ["believed", "believed", "ignored"],
    );
    assert.equal(
      judge(last, (name) => name === last),
      "believed",
      "an attachment names the node",
    );
    assert.equal(
      judge(last, (name) => name === "pvc-3"),
      "believed",
      "an explained checkpoint takes up no place",
    );
  });

  it("adopts no epoch that is out of reach", () => {
    const judge = (epoch: number) =>
      judgeCheckpoint(checkpointsOf(1, epoch), {
        volumeName: "pvc-0",
        recordedEpoch: 4,
        isExplained: nothing,
      });
    assert.deepEqual(judge(4 + EPOCH_AHEAD_MAX), {
      kind: "believed",
      epoch: 4 + EPOCH_AHEAD_MAX,
      objection: undefined,
    });
    assert.deepEqual(judge(5 + EPOCH_AHEAD_MAX), {
      kind: "believed",
      epoch: undefined,
      objection: `it reports epoch ${5 + EPOCH_AHEAD_MAX}, and the record is at 4`,
    });
  });

  // It reports the highest beyond it.
  it("adopts the highest epoch within reach of several checkpoints", () => {
    const checkpoints = [5, 7, 6, 8 + EPOCH_AHEAD_MAX, 9 + EPOCH_AHEAD_MAX].map((epoch) => ({
      volumeName: "pvc-0",
      epoch,
    }));
    const objection = `it reports epoch ${9 + EPOCH_AHEAD_MAX}, and the record is at 4`;
    assert.deepEqual(
      judgeCheckpoint(checkpoints, { volumeName: "pvc-0", recordedEpoch: 4, isExplained: nothing }),
      { kind: "believed", epoch: 7, objection },
    );
  });

  it("says nothing of a volume that the node does not report", () => {
    assert.equal(
      judgeCheckpoint(checkpointsOf(2), { volumeName: "pvc-9", recordedEpoch: 0, isExplained: nothing }),
      undefined,
    );
  });
});
