import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { InvariantViolation } from "../../core/failure/invariant.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { Logger } from "../../ports/logger.ts";
import type { LoopObserver, PassOutcome } from "../../ports/loop-observer.ts";
import { ControlLoop, type Reconciled } from "./control-loop.ts";

interface LoopWorld {
  readonly loop: ControlLoop;
  readonly clock: ReturnType<typeof createVirtualClock>;
  /** When each pass began. */
  readonly passesAtMs: readonly number[];
  readonly logged: readonly string[];
  /** The levels of these lines. */
  readonly levels: readonly string[];
  /** How each pass ended. */
  readonly outcomes: readonly PassOutcome[];
  /** The `repeats` of each line. */
  readonly repeats: readonly unknown[];
}

/** Runs a loop whose passes answer `answers`, one after the other, and then succeed. */
async function withLoop(
  answers: readonly (() => Reconciled | Promise<Reconciled>)[],
  act: (world: LoopWorld) => Promise<void>,
  workers = 1,
  slowAfterMs?: number,
): Promise<LoopWorld> {
  const clock = createVirtualClock();
  const passesAtMs: number[] = [];
  const logged: string[] = [];
  const levels: string[] = [];
  const repeats: unknown[] = [];
  const log =
    (level: string) =>
    (message: string, facts: { readonly repeats?: number } = {}): void => {
      logged.push(message);
      levels.push(level);
      repeats.push(facts.repeats);
    };
  const logger: Logger = {
    debug: log("debug"),
    info: log("info"),
    warn: log("warn"),
    error: log("error"),
    child: () => logger,
  };
  const left = [...answers];
  const reconcile = async (): Promise<Reconciled> => {
    passesAtMs.push(clock.elapsedMs());
    return (await left.shift()?.()) ?? ok({});
  };
  const outcomes: PassOutcome[] = [];
  const loops: LoopObserver = {
    runs: () => () => undefined,
    passEnded: (_loop, outcome) => outcomes.push(outcome),
  };
  const loop = new ControlLoop(
    {
      name: "test",
      workers,
      ...(slowAfterMs === undefined ? {} : { slowAfterMs }),
      backoff: { baseMs: 100, maxMs: 1_000 },
      reconcile,
    },
    { clock, random: { next: () => 0, uuid: () => "" }, logger, loops },
  );
  const life = new AbortController();
  const running = loop.run(life.signal);
  const world = { loop, clock, passesAtMs, logged, levels, outcomes, repeats };
  await act(world);
  life.abort();
  await running;
  return world;
}

async function runKey({ loop, clock }: LoopWorld): Promise<void> {
  loop.queue.add("pvc-1");
  await clock.advance(5_000);
}

describe("ControlLoop", () => {
  it("handles a key once, and again when the pass asks for it", async () => {
    const { passesAtMs } = await withLoop([() => ok({ requeueAfterMs: 700 }), () => ok({})], runKey);
    assert.deepEqual(passesAtMs, [0, 700]);
  });

  it("retries a failed key later and later, until it succeeds", async () => {
    const unavailable = (): Reconciled => fail({ kind: "StoreUnavailable", detail: "away" });
    const { passesAtMs, logged } = await withLoop([unavailable, unavailable, unavailable], runKey);
    assert.deepEqual(passesAtMs, [0, 100, 300, 700]);
    assert.deepEqual(logged, ["reconcile failed"]);
  });

  it("logs a failure that lasts every five minutes, and another one at once", async () => {
    const waiting = (): Reconciled => fail({ kind: "StillWaiting", volumeId: "/disk", what: "a node" });
    const elsewhere = (): Reconciled => fail({ kind: "StillWaiting", volumeId: "/disk", what: "its disk" });
    const { logged, repeats } = await withLoop(
      [waiting, elsewhere, elsewhere, ...Array<() => Reconciled>(310).fill(waiting)],
      async ({ loop, clock }) => {
        loop.queue.add("pvc-1");
        await clock.advance(320_000);
        loop.queue.add("pvc-1");
        await clock.settle();
      },
    );
    assert.equal(logged.length, 4);
    assert.deepEqual(repeats, [undefined, undefined, undefined, 300]);
  });

  it("logs a failure again once its key has succeeded", async () => {
    const unavailable = (): Reconciled => fail({ kind: "StoreUnavailable", detail: "away" });
    const { logged } = await withLoop([unavailable, () => ok({}), unavailable], async ({ loop, clock }) => {
      loop.queue.add("pvc-1");
      await clock.advance(200);
      loop.queue.add("pvc-1");
      await clock.advance(200);
    });
    assert.deepEqual(logged, ["reconcile failed", "reconcile failed"]);
  });

  it("does not warn of a plan that another writer has overtaken", async () => {
    const overtaken = (): Reconciled => fail({ kind: "Refused", diskUri: "/disk", nodeName: "node-a" });
    const { logged, levels, outcomes } = await withLoop(
      [overtaken, overtaken, () => ok({}), overtaken],
      async ({ loop, clock }) => {
        loop.queue.add("pvc-1");
        await clock.advance(120_000);
        loop.queue.add("pvc-1");
        await clock.advance(120_000);
      },
    );
    assert.deepEqual(logged, ["plan overtaken", "plan overtaken"]);
    assert.deepEqual(levels, ["debug", "debug"]);
    assert.deepEqual(outcomes, ["conflict", "conflict", "done", "conflict", "done"]);
  });

  it("warns of plans that are refused for a minute, and every five minutes", async () => {
    const overtaken = (): Reconciled => fail({ kind: "Refused", diskUri: "/disk" });
    const { logged, levels, outcomes, repeats } = await withLoop(
      Array<() => Reconciled>(400).fill(overtaken),
      async ({ loop, clock }) => {
        loop.queue.add("pvc-1");
        await clock.advance(370_000);
      },
    );
    assert.deepEqual(logged, ["plan overtaken", "reconcile failed", "reconcile failed"]);
    assert.deepEqual(levels, ["debug", "warn", "warn"]);
    assert.deepEqual(repeats, [undefined, 62, 299]);
    assert.deepEqual([outcomes.indexOf("failed"), outcomes.lastIndexOf("conflict")], [63, 62]);
  });

  it("does not retry before the time that Azure asked for", async () => {
    const { passesAtMs } = await withLoop(
      [() => fail({ kind: "Throttled", retryAfterMs: 3_000, detail: "" })],
      runKey,
    );
    assert.deepEqual(passesAtMs, [0, 3_000]);
  });

  it("leaves a VM whose ETag nothing moves alone until it is to be read again", async () => {
    const vm = { nodeName: "node-a", instanceUri: "/vm-a" };
    const { passesAtMs } = await withLoop(
      [() => fail({ kind: "EtagNotMoved", ...vm, retryAfterMs: 4_000 })],
      runKey,
    );
    assert.deepEqual(passesAtMs, [0, 4_000]);
  });

  it("plans again soon after a conflict, without a log line and never in a hot loop", async () => {
    const conflict = (): Reconciled =>
      fail({ kind: "ObjectConflict", objectKind: "AzVolume", name: "pvc-1" });
    const { passesAtMs, logged } = await withLoop([conflict, conflict], runKey);
    assert.equal(passesAtMs.length, 3);
    assert.ok(passesAtMs.every((atMs, pass) => pass === 0 || atMs > (passesAtMs[pass - 1] ?? 0)));
    assert.deepEqual(logged, []);
  });

  it("logs a bug, retries the key, and continues with the others", async () => {
    const { passesAtMs, logged } = await withLoop(
      [
        () => {
          throw new InvariantViolation("broken");
        },
      ],
      runKey,
    );
    assert.deepEqual(passesAtMs, [0, 100]);
    assert.deepEqual(logged, ["reconcile threw: a bug"]);
  });

  it("handles a key again that was added while it was handled, after that pass", async () => {
    const slow = Promise.withResolvers<Reconciled>();
    const { passesAtMs } = await withLoop(
      [() => slow.promise],
      async ({ loop, clock, passesAtMs: passes }) => {
        loop.queue.add("pvc-1");
        await clock.advance(50);
        loop.queue.add("pvc-1");
        await clock.advance(50);
        assert.equal(passes.length, 1);
        slow.resolve(ok({}));
        await clock.advance(50);
      },
      4,
    );
    assert.deepEqual(passesAtMs, [0, 100]);
  });

  it("handles as many keys at once as it has workers", async () => {
    const ends: (() => void)[] = [];
    const waiting = (): Promise<Reconciled> => new Promise((resolve) => ends.push(() => resolve(ok({}))));
    const handledAtMs: (readonly number[])[] = [];
    await withLoop(
      Array.from({ length: 4 }, () => waiting),
      async ({ loop, clock, passesAtMs }) => {
        loop.queue.addAfter("pvc-4", 20);
        for (const key of ["pvc-1", "pvc-2", "pvc-3"]) loop.queue.add(key);
        await clock.advance(50);
        handledAtMs.push([...passesAtMs]);
        ends[0]?.();
        await clock.advance(50);
        handledAtMs.push([...passesAtMs]);
        for (const end of ends) end();
      },
      3,
    );
    assert.deepEqual(handledAtMs, [
      [0, 0, 0],
      [0, 0, 0, 50],
    ]);
  });

  it("waits for the work under way when it is stopped, and does not log its end", async () => {
    const slow = Promise.withResolvers<Reconciled>();
    const { logged } = await withLoop([() => slow.promise], async ({ loop, clock }) => {
      loop.queue.add("pvc-1");
      await clock.settle();
      setImmediate(() => slow.resolve(fail({ kind: "Cancelled" })));
    });
    assert.deepEqual(logged, []);
  });

  it("handles other keys beside passes that hang, and as many at once afterwards", async () => {
    const hanging = Promise.withResolvers<Reconciled>();
    const later = Promise.withResolvers<Reconciled>();
    const keys = ["pvc-1", "pvc-2", "pvc-3"];
    const { passesAtMs } = await withLoop(
      [() => hanging.promise, () => hanging.promise, () => ok({}), ...keys.map(() => () => later.promise)],
      async ({ loop, clock }) => {
        for (const key of keys) loop.queue.add(key);
        await clock.advance(5_000);
        assert.deepEqual(loop.queue.depth, { ready: 0, delayed: 0, active: 2 });
        hanging.resolve(ok({}));
        await clock.settle();
        for (const key of keys) loop.queue.add(key);
        await clock.settle();
        assert.deepEqual(loop.queue.depth, { ready: 1, delayed: 0, active: 2 });
        later.resolve(ok({}));
        await clock.settle();
      },
      2,
      1_000,
    );
    assert.deepEqual(passesAtMs, [0, 0, 1_000, 5_000, 5_000, 5_000]);
  });
});
