import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createChangeSignal } from "../object-semantics/change-signal.ts";
import { createVirtualClock } from "../virtual/virtual-clock.ts";
import { createVigil } from "./vigil.ts";

function aVigil() {
  const clock = createVirtualClock();
  const changed = createChangeSignal(clock);
  const ending = new AbortController();
  return { clock, changed, ending, vigil: createVigil(clock, changed, ending.signal) };
}

describe("createVigil", () => {
  it("wakes at each time, even after a wait for a later one", async () => {
    const { clock, changed, vigil } = aVigil();
    const wokenAtMs: number[] = [];
    const wait = async (atMs: number): Promise<void> => {
      await vigil.until(atMs);
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
    const { clock, changed, vigil } = aVigil();
    for (let round = 0; round < 10; round++) {
      const wait = vigil.until(1_000 + round);
      changed.notify();
      await wait;
    }
    assert.equal(clock.sleepers(), 1);
  });

  it("wakes once its signal is aborted, waits no more, and leaves nothing behind", async () => {
    const { clock, ending, vigil } = aVigil();
    const wait = vigil.until(1_000);
    ending.abort();
    await wait;
    await vigil.until(1_000);
    vigil.end();
    assert.equal(clock.sleepers(), 0);
  });
});
