import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemClock } from "./system-clock.ts";

describe("systemClock", () => {
  const never = new AbortController().signal;

  it("shows the wall clock's time and a monotonic one", async () => {
    const before = systemClock.elapsedMs();
    await systemClock.sleep(2, never);
    // Timers may fire up to a millisecond early.
    assert.ok(systemClock.elapsedMs() >= before + 1);
    const [earliestMs, nowMs, latestMs] = [Date.now(), systemClock.nowMs(), Date.now()];
    assert.ok(earliestMs <= nowMs && nowMs <= latestMs, `${nowMs} is not from ${earliestMs} to ${latestMs}`);
  });

  it("rejects a sleep with the reason as soon as the signal is aborted", async () => {
    const controller = new AbortController();
    const sleeping = systemClock.sleep(3_600_000, controller.signal);
    const reason = new Error("enough");
    controller.abort(reason);
    await assert.rejects(sleeping, reason);
  });

  it("rejects at once if the signal is aborted already", async () => {
    const reason = new Error("too late");
    await assert.rejects(systemClock.sleep(3_600_000, AbortSignal.abort(reason)), reason);
  });
});
