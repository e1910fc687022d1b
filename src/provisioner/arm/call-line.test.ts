import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LIMIT_MS, settledOn } from "../../adapters/virtual/testing/settled-on.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import type { Lane } from "../../core/azure/lane.ts";
import { CallLine, type Turn } from "./call-line.ts";

/** The bucket gives a call this often, in milliseconds. */
const EVERY_MS = 100;
const PATIENCE_MS = 60_000;
const never = new AbortController().signal;

/** A line at an empty bucket that keeps a reserve for failovers: other calls wait `keptMs` longer. */
function aLine({ keptMs = 0, lifetime = never } = {}) {
  const clock = createVirtualClock();
  const line = new CallLine(clock, lifetime);
  const order: string[] = [];
  let nextAtMs = EVERY_MS;
  const enter = (
    name: string,
    lane: Lane,
    { signal = never, hasRoom = true, waitMaxMs = PATIENCE_MS } = {},
  ): Promise<Turn> =>
    line.run(
      {
        lane,
        waitMs: (isDue) =>
          Math.max(0, nextAtMs + (isDue || lane === "failover" ? 0 : keptMs) - clock.elapsedMs()),
        enter: () => {
          if (!hasRoom) return false;
          nextAtMs = clock.elapsedMs() + EVERY_MS;
          order.push(name);
          return true;
        },
        waitMaxMs,
      },
      signal,
    );
  return { clock, order, enter };
}

describe("CallLine", () => {
  it("lets the more urgent call go first, and of one lane the one that came first", async () => {
    const { clock, order, enter } = aLine();
    const calls = [enter("tag", "tag"), enter("detach 1", "detach"), enter("detach 2", "detach")];
    calls.push(enter("replica", "replicaAttach"), enter("fence", "failover"));
    await settledOn(clock, Promise.all(calls));
    assert.deepEqual(order, ["fence", "detach 1", "detach 2", "replica", "tag"]);
    assert.equal(clock.elapsedMs(), 5 * EVERY_MS);
  });

  for (const { keptMs, because } of [
    { keptMs: 0, because: "wait" },
    { keptMs: 10_000, because: "come, and use what is kept for them" },
  ])
    it(`starves no lane however many failovers ${because}`, async () => {
      const { clock, order, enter } = aLine({ keptMs });
      const fences = Array.from({ length: 600 }, () => enter("fence", "failover", { waitMaxMs: LIMIT_MS }));
      const others = (["primaryAttach", "detach", "replicaAttach"] as const).map((lane) => enter(lane, lane));
      const turns = await settledOn(clock, Promise.all([...fences, ...others]));
      assert.deepEqual(new Set(turns), new Set(["entered"]));
      assert.deepEqual(
        ["primaryAttach", "detach", "replicaAttach"].map((name) => order.indexOf(name)),
        [16, 17, 258],
      );
    });

  it("keeps the reserve for a failover that may come", async () => {
    const { clock, enter } = aLine({ keptMs: 2500 });
    assert.equal(await settledOn(clock, enter("attach", "primaryAttach")), "entered");
    assert.equal(clock.elapsedMs(), EVERY_MS + 2500);
  });

  it("ends a wait after the call's patience, wherever it stands", async () => {
    const { clock, order, enter } = aLine();
    const fences = Array.from({ length: 100 }, () => enter("fence", "failover"));
    const impatient = enter("tag", "tag", { waitMaxMs: 1000 });
    assert.equal(await settledOn(clock, impatient), "usedUp");
    assert.equal(clock.elapsedMs(), 1000);
    await settledOn(clock, Promise.all(fences));
    assert.deepEqual(order, Array(100).fill("fence"));
  });

  it("lets a lane's only caller go beside endless fences, though it gives up often", async () => {
    const { clock, order, enter } = aLine({ keptMs: 10_000 });
    let isOver = false;
    const fences = Array.from({ length: 40 }, async () => {
      while (!isOver) await enter("fence", "failover");
    });
    const turns: Turn[] = [];
    for (const retries = 10; turns.length <= retries && turns.at(-1) !== "entered";)
      turns.push(await settledOn(clock, enter("tag", "tag")));
    isOver = true;
    await settledOn(clock, Promise.all(fences));
    assert.deepEqual(turns, [...Array(6).fill("usedUp"), "entered"]);
    assert.equal(order.indexOf("tag"), 4096);
  });

  it("counts a turn that was left long ago as one call", async () => {
    const { clock, order, enter } = aLine();
    const left = enter("left", "detach", { waitMaxMs: 50 });
    assert.equal(await settledOn(clock, left), "usedUp");
    const earlier = Array.from({ length: 100 }, () => enter("earlier fence", "failover"));
    await settledOn(clock, Promise.all(earlier));
    const fences = Array.from({ length: 20 }, () => enter("fence", "failover"));
    const detaches = [enter("first", "detach"), enter("second", "detach")];
    await settledOn(clock, Promise.all([...fences, ...detaches]));
    const later = order.slice(100);
    assert.deepEqual([later.indexOf("first"), later.indexOf("second")], [0, 16]);
  });

  it("gives the turn of a call that can't go, or has given up, to the next", async () => {
    const { clock, order, enter } = aLine();
    const caller = new AbortController();
    const givenUp = enter("given up", "failover", { signal: caller.signal });
    const full = enter("full", "failover", { hasRoom: false });
    const last = enter("last", "detach");
    caller.abort(new Error("deadline"));
    await assert.rejects(givenUp, { message: "deadline" });
    assert.deepEqual(await settledOn(clock, Promise.all([full, last])), ["notNow", "entered"]);
    assert.deepEqual(order, ["last"]);
    assert.equal(clock.elapsedMs(), EVERY_MS);
  });

  it("ends all waits at shutdown", async () => {
    const shutdown = new AbortController();
    const { enter } = aLine({ lifetime: shutdown.signal });
    const waiting = enter("fence", "failover");
    shutdown.abort(new Error("shutdown"));
    await assert.rejects(waiting, { message: "shutdown" });
    await assert.rejects(enter("late", "failover"), { message: "shutdown" });
  });
});
