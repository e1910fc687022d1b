import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settledOn } from "../adapters/virtual/testing/settled-on.ts";
import { createVirtualClock } from "../adapters/virtual/virtual-clock.ts";
import { withTimeout } from "./with-timeout.ts";

const never = new AbortController().signal;

describe("withTimeout", () => {
  it("answers what was done in time, and leaves no timer behind", async () => {
    const clock = createVirtualClock();
    assert.equal(await withTimeout(clock, 1_000, async () => "done", never), "done");
    assert.equal(clock.sleepers(), 0);
  });

  it("aborts what takes longer, at its limit, or when its caller gives up", async () => {
    const clock = createVirtualClock();
    const untilAborted = async (signal: AbortSignal): Promise<number> => {
      await clock.sleep(60_000, signal).catch(() => undefined);
      return clock.elapsedMs();
    };
    assert.equal(await settledOn(clock, withTimeout(clock, 1_000, untilAborted, never)), 1_000);
    const caller = new AbortController();
    const waiting = withTimeout(clock, 1_000, untilAborted, caller.signal);
    caller.abort(new Error("no longer"));
    assert.equal(await settledOn(clock, waiting), 1_000, "at once");
  });
});
