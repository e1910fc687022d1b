import assert from "node:assert/strict";
import { it } from "node:test";
import { describeCourse } from "./describe-course.ts";

// A container that ended late can so be distinguished from a call that failed.
it("lists the events of a slow move in order, with the answer of each call", () => {
  const call = (method: string, code: string, startMs: number, endMs: number) => ({
    method,
    code,
    nodeName: "a",
    startMs,
    endMs,
  });
  const times = {
    from: "a",
    to: "b",
    deletedMs: 1_000,
    oldStatusMs: undefined,
    oldAttachmentGoneMs: undefined,
    scheduledMs: 3_700.4,
    newAttachedMs: undefined,
    newStatusMs: undefined,
    runningMs: 14_500,
    calls: [
      call("NodeUnstageVolume", "UNAVAILABLE", 3_400, 3_540.4),
      call("NodeUnpublishVolume", "OK", 3_300, 3_302),
    ],
  };
  assert.deepEqual(describeCourse(times, 3_150), [
    "    2150  the old container on a is known to have ended",
    "    2300  NodeUnpublishVolume on a: OK after 2 ms",
    "    2400  NodeUnstageVolume on a: UNAVAILABLE after 140 ms",
    "    2700  the new pod is on b",
    "   13500  the new container is known to run",
  ]);
});
