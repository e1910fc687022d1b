import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createChangeSignal } from "../object-semantics/change-signal.ts";
import { createVirtualClock } from "../virtual/virtual-clock.ts";
import { createChangeWait } from "./change-wait.ts";

function aChangeWait() {
  const clock = createVirtualClock();
  const changed = createChangeSignal(clock);
  const ending = new AbortController();
  return { clock, changed, ending, waits: createChangeWait(clock, changed, ending.signal) };
}

describe("createChangeWait", () => {
  it("wakes at each time, even after a wait for a later one", async () => {
    const { clock, changed, waits } = aChangeWait();
    const wokenAtMs: number[] = [];
    const wait = async (atMs: number): Promise<void> => {
      await waits.until(atMs);
      wokenAtMs.push(clock.elapsedMs());
    };
    const long = wait(100);
    await clock.advance(5);
    changed.notify();
    await long;
    const short = wait(20);
    await clock.advance(20);
    await short;
    const again = wait(100);
    await clock.advance(100);
    await again;
    assert.deepEqual(wokenAtMs, [5, 20, 100]);
  });

  it("has one sleep under way for all waits that end by a change", async () => {
    const { clock, changed, waits } = aChangeWait();
    for (let round = 0; round < 10; round++) {
      const wait = waits.until(1_000 + round);
      changed.notify();
      await wait;
    }
    assert.equal(clock.sleepers(), 1);
  });

  it("wakes once its signal is aborted, waits no more, and leaves nothing behind", async () => {
    const { clock, ending, waits } = aChangeWait();
    const wait = waits.until(1_000);
    ending.abort();
    await wait;
    await waits.until(1_000);
    waits.end();
    assert.equal(clock.sleepers(), 0);
  });
});
