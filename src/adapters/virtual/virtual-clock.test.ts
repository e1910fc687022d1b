import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InvariantViolation } from "../../core/failure/invariant.ts";
import { createSeededRandom } from "./seeded-random.ts";
import { createVirtualClock } from "./virtual-clock.ts";

const never = new AbortController().signal;

describe("createVirtualClock", () => {
  it("stops until it is moved", async () => {
    const clock = createVirtualClock({ startMs: 1000 });
    await clock.settle();
    assert.deepEqual([clock.nowMs(), clock.elapsedMs()], [1000, 0]);
    await clock.advance(250);
    assert.deepEqual([clock.nowMs(), clock.elapsedMs()], [1250, 250]);
  });

  it("wakes sleepers in the order of their times, then in the order they went to sleep", async () => {
    const clock = createVirtualClock();
    const random = createSeededRandom(11);
    const sleeps = Array.from({ length: 300 }, (_, order) => ({ order, ms: Math.floor(random.next() * 20) }));
    const woken: { order: number; ms: number; at: number }[] = [];
    const all = Promise.all(
      sleeps.map(async (sleep) => {
        await clock.sleep(sleep.ms, never);
        woken.push({ ...sleep, at: clock.elapsedMs() });
      }),
    );
    assert.equal(await clock.runUntilIdle(1000), true);
    await all;
    const expected = sleeps
      .toSorted((left, right) => left.ms - right.ms || left.order - right.order)
      .map((sleep) => ({ ...sleep, at: sleep.ms }));
    assert.deepEqual(woken, expected);
  });

  it("runs all that follows from one wake-up before the next, also sleeps begun then", async () => {
    const clock = createVirtualClock();
    const seen: string[] = [];
    const walk = async (name: string, stepsMs: readonly number[]): Promise<void> => {
      for (const ms of stepsMs) {
        await clock.sleep(ms, never);
        await Promise.resolve().then(() => Promise.resolve());
        seen.push(`${name}@${clock.elapsedMs()}`);
      }
    };
    const both = Promise.all([walk("a", [10, 10, 10]), walk("b", [15, 10])]);
    await clock.advance(25);
    assert.deepEqual(seen, ["a@10", "b@15", "a@20", "b@25"]);
    await clock.advance(5);
    await both;
    assert.deepEqual(seen.at(-1), "a@30");
  });

  it("advances time for any short sleep, so that repeated ones come to an end", async () => {
    const clock = createVirtualClock();
    await clock.advance(529_914.173_617_727_6);
    const startedMs = clock.elapsedMs();
    const sleeping = clock.sleep(5e-11, never);
    assert.equal(await clock.runUntilIdle(1), true);
    await sleeping;
    assert.ok(clock.elapsedMs() > startedMs);
  });

  it("rejects a sleep with the signal's reason as soon as it is aborted, and drops it", async () => {
    const clock = createVirtualClock();
    const controller = new AbortController();
    const sleeping = clock.sleep(1000, controller.signal);
    const reason = new Error("enough");
    controller.abort(reason);
    await assert.rejects(sleeping, reason);
    await assert.rejects(clock.sleep(1000, controller.signal), reason);
    assert.equal(clock.sleepers(), 0);
    assert.equal(await clock.runUntilIdle(0), true);
  });

  it("drops thousands of cancelled sleeps without losing the others", async () => {
    const clock = createVirtualClock();
    let woken = 0;
    const rest = Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        await clock.sleep(5 + (index % 7), never);
        woken++;
      }),
    );
    for (let round = 0; round < 5000; round++) {
      const controller = new AbortController();
      const sleeping = clock.sleep(3 + (round % 11), controller.signal);
      controller.abort();
      await assert.rejects(sleeping);
    }
    assert.equal(clock.sleepers(), 100);
    await clock.advance(20);
    await rest;
    assert.equal(woken, 100);
  });

  it("reports whether a condition was reached in the limit, and stops at that moment", async () => {
    const clock = createVirtualClock();
    let ticks = 0;
    const stop = new AbortController();
    const ticking = (async () => {
      while (!stop.signal.aborted) {
        await clock.sleep(10, never);
        ticks++;
      }
    })();
    assert.equal(await clock.runUntil(() => ticks === 3, 1000), true);
    assert.equal(clock.elapsedMs(), 30);
    assert.equal(await clock.runUntil(() => ticks === 100, 50), false);
    assert.equal(clock.elapsedMs(), 80);
    assert.equal(await clock.runUntilIdle(100), false);
    stop.abort();
    assert.equal(await clock.runUntilIdle(100), true);
    await ticking;
  });

  it("lets the wall clock jump without waking a sleeper", async () => {
    const clock = createVirtualClock({ startMs: 0 });
    clock.jumpWallClock(-5000);
    assert.deepEqual([clock.nowMs(), clock.elapsedMs()], [-5000, 0]);
  });

  it("refuses to be moved by two callers at once, and backwards", async () => {
    const clock = createVirtualClock();
    const first = clock.advance(10);
    await assert.rejects(clock.advance(10), InvariantViolation);
    await first;
    await assert.rejects(clock.advance(-1), InvariantViolation);
  });
});
