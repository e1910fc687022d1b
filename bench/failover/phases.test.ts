import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { measureMove, type MoveTimes } from "./phases.ts";

const call = (method: string, nodeName: string, startMs: number, endMs: number) => ({
  method,
  code: "OK",
  nodeName,
  startMs,
  endMs,
});

/** Through VolumeAttachments, with a status tick on either side. */
const published: MoveTimes = {
  from: "a",
  to: "b",
  deletedMs: 1_000,
  oldStatusMs: 5_000,
  oldAttachmentGoneMs: 5_100,
  scheduledMs: 2_000,
  newAttachedMs: 5_800,
  newStatusMs: 8_000,
  runningMs: 8_900,
  calls: [
    call("NodeUnpublishVolume", "a", 1_200, 1_210),
    call("NodeUnstageVolume", "a", 1_300, 1_350),
    call("ControllerUnpublishVolume", "a", 5_050, 5_070),
    call("ControllerPublishVolume", "b", 5_700, 5_720),
    call("NodeStageVolume", "b", 8_200, 8_300),
    call("NodePublishVolume", "b", 8_310, 8_330),
  ],
};

describe("the figures of a move", () => {
  it("add up to the whole; work beside something slower takes no time", () => {
    assert.deepEqual(measureMove(published), {
      totalMs: 7_900,
      driverShareMs: 220,
      phases: {
        kubeletUnmount: 350,
        unpublish: 100,
        schedule: 0,
        publish: 700,
        statusTick: 5_850,
        kubeletMount: 200,
        stage: 130,
        containerStart: 570,
      },
      callsMs: {
        NodeUnpublishVolume: 10,
        NodeUnstageVolume: 50,
        ControllerUnpublishVolume: 20,
        ControllerPublishVolume: 20,
        NodeStageVolume: 100,
        NodePublishVolume: 20,
      },
    });
  });

  it("count the wait for the old node's release once, in the driver's stage", () => {
    const { driverShareMs, phases, totalMs } = measureMove({
      ...published,
      oldStatusMs: undefined,
      oldAttachmentGoneMs: undefined,
      newAttachedMs: undefined,
      newStatusMs: undefined,
      scheduledMs: 1_400,
      runningMs: 5_000,
      calls: [
        call("NodeUnstageVolume", "a", 1_300, 4_300),
        call("NodeStageVolume", "b", 1_600, 4_400),
        call("NodePublishVolume", "b", 4_410, 4_420),
      ],
    });
    assert.deepEqual(
      { driverShareMs, totalMs, phases },
      {
        driverShareMs: 3_110,
        totalMs: 4_000,
        phases: {
          kubeletUnmount: 600,
          unpublish: 0,
          schedule: 0,
          publish: 0,
          statusTick: 0,
          kubeletMount: 0,
          stage: 2_820,
          containerStart: 580,
        },
      },
    );
  });
});
