import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { WorkQueue } from "./work-queue.ts";

const never = new AbortController().signal;
const backoff = { baseMs: 200, maxMs: 1_000 };

/** A queue whose chance always draws `chance`. */
function aQueue(chance = 0) {
  const clock = createVirtualClock();
  const queue = new WorkQueue({ clock, random: { next: () => chance, uuid: () => "" } }, backoff);
  const taken: string[] = [];
  /** Takes keys for ever, and records when. */
  const takeAll = async (signal: AbortSignal): Promise<void> => {
    for (;;) {
      const key = await queue.take(signal);
      taken.push(`${key}@${clock.elapsedMs()}`);
      queue.done(key);
    }
  };
  return { clock, queue, taken, takeAll };
}

async function within(run: (signal: AbortSignal) => Promise<void>, act: () => Promise<void>): Promise<void> {
  const life = new AbortController();
  const running = run(life.signal);
  await act();
  life.abort();
  await assert.rejects(running);
}

describe("WorkQueue", () => {
  it("hands out keys in the order of arrival, each once however often it was added", async () => {
    const { queue } = aQueue();
    for (const key of ["b", "a", "b", "a", "c"]) queue.add(key);
    assert.deepEqual(
      [await queue.take(never), await queue.take(never), await queue.take(never)],
      ["b", "a", "c"],
    );
    assert.deepEqual(queue.depth, { ready: 0, delayed: 0, active: 3 });
  });

  it("hands out no delayed key before time has passed, however short the delay", async () => {
    const { queue, clock } = aQueue();
    await clock.advance(132_026.747_586_164_33);
    for (const [key, delayMs] of Object.entries({ lost: 1.4e-11, none: 0 })) {
      queue.addAfter(key, delayMs);
      let taken: string | undefined;
      const waiting = queue.take(never).then((next) => (taken = next));
      await clock.settle();
      assert.equal(taken, undefined);
      await clock.advance(1);
      assert.equal(await waiting, key);
    }
  });

  it("gives a key to one worker at a time, and again if it was added in between", async () => {
    const { queue, clock } = aQueue();
    queue.add("a");
    assert.equal(await queue.take(never), "a");
    queue.add("a");
    let second: string | undefined;
    const waiting = queue.take(never).then((key) => (second = key));
    await clock.settle();
    assert.equal(second, undefined);
    queue.done("a");
    assert.equal(await waiting, "a");
  });

  it("adds in time: not before the key's delay, and after a pass under way", async () => {
    const { queue, clock, taken, takeAll } = aQueue();
    for (const key of ["pausing", "plain"]) {
      queue.add(key);
      assert.equal(await queue.take(never), key);
      queue.addWhenDue(key);
    }
    queue.addAfter("pausing", 500);
    for (const key of ["pausing", "plain"]) queue.done(key);
    queue.addWhenDue("pausing");
    queue.addWhenDue("idle");
    await within(takeAll, () => clock.advance(1_000));
    assert.deepEqual(taken, ["plain@0", "idle@0", "pausing@500"]);
  });

  it("leaves a key that is being handled, or has its own time, to itself", async () => {
    const { queue, clock, taken, takeAll } = aQueue();
    queue.add("active");
    assert.equal(await queue.take(never), "active");
    await within(takeAll, async () => {
      queue.addFailed("failed");
      for (const key of ["active", "failed", "idle"]) queue.remind(key);
      await clock.advance(0);
      queue.done("active");
      await clock.advance(200);
      assert.deepEqual(taken, ["idle@0", "failed@200"]);
    });
  });

  it("does not delay others behind a key that is being handled", async () => {
    const { queue } = aQueue();
    queue.add("a");
    await queue.take(never);
    queue.add("a");
    queue.add("b");
    assert.equal(await queue.take(never), "b");
  });

  it("wakes a waiting worker for a new key at once, for a delayed one when it is due", async () => {
    const { queue, clock, taken, takeAll } = aQueue();
    await within(takeAll, async () => {
      await clock.advance(10);
      queue.add("a");
      queue.addAfter("later", 500);
      queue.addAfter("soon", 100);
      await clock.advance(1_000);
    });
    assert.deepEqual(taken, ["a@10", "soon@110", "later@510"]);
  });

  it("keeps the earlier of two times for a key, and now is earlier than any", async () => {
    const { queue, clock, taken, takeAll } = aQueue();
    queue.addAfter("a", 300);
    queue.addAfter("a", 900);
    queue.addAfter("b", 900);
    queue.addAfter("b", 300);
    queue.addAfter("c", 300);
    queue.add("c");
    await within(takeAll, () => clock.advance(2_000));
    assert.deepEqual(taken, ["c@0", "a@300", "b@300"]);
  });

  it("delays a failing key longer each time up to the limit, until it succeeds", () => {
    const { queue, clock } = aQueue();
    const delays: number[] = [];
    const fails = async (): Promise<void> => {
      const startedMs = clock.elapsedMs();
      queue.addFailed("a");
      const taking = queue.take(never);
      await clock.runUntilIdle(3_600_000);
      queue.done(await taking);
      delays.push(clock.elapsedMs() - startedMs);
    };
    return (async () => {
      for (let tries = 0; tries < 5; tries++) await fails();
      queue.forget("a");
      await fails();
      assert.deepEqual(delays, [200, 400, 800, 1_000, 1_000, 200]);
    })();
  });

  it("shortens a delay by at most a fifth, and never below the requested delay", async () => {
    for (const { notBeforeMs, due } of [
      { notBeforeMs: 0, due: "a@162" },
      { notBeforeMs: 5_000, due: "a@5000" },
    ]) {
      const { queue, clock, taken, takeAll } = aQueue(0.95);
      queue.addFailed("a", notBeforeMs);
      await within(takeAll, () => clock.advance(10_000));
      assert.deepEqual(taken, [due]);
    }
  });

  it("rejects waiting workers when the signal is aborted, and keeps the keys", async () => {
    const { queue, clock } = aQueue();
    const life = new AbortController();
    const waiting = queue.take(life.signal);
    await clock.settle();
    life.abort();
    await assert.rejects(waiting);
    queue.add("a");
    assert.equal(await queue.take(never), "a");
    assert.equal(clock.sleepers(), 0);
  });

  it("keeps the time when the worker that kept it leaves, or is stopped", async () => {
    const { queue, clock, taken, takeAll } = aQueue();
    const first = new AbortController();
    const stopped = takeAll(first.signal);
    await clock.settle();
    await within(takeAll, async () => {
      await clock.settle();
      queue.addAfter("a", 100);
      queue.addAfter("b", 100);
      await clock.advance(50);
      first.abort();
      await assert.rejects(stopped);
      queue.add("now");
      await clock.advance(200);
      queue.addAfter("c", 100);
      await clock.advance(200);
    });
    assert.deepEqual(taken, ["now@50", "a@100", "b@100", "c@350"]);
  });

  it("wakes a worker for a delayed key after an earlier delay was cut short", async () => {
    const { clock, queue, taken, takeAll } = aQueue();
    queue.addAfter("a", 1_000);
    queue.add("a");
    assert.equal(await queue.take(never), "a");
    await within(takeAll, async () => {
      await clock.advance(900);
      queue.addAfter("a", 200);
      queue.done("a");
      await clock.advance(200);
      assert.deepEqual(taken, ["a@1100"]);
    });
  });

  it("wakes no more workers than there are keys", async () => {
    const { queue, clock, takeAll } = aQueue();
    const take = queue.take.bind(queue);
    let takes = 0;
    queue.take = (signal) => {
      takes++;
      return take(signal);
    };
    const workers = (signal: AbortSignal): Promise<void> =>
      Promise.all(Array.from({ length: 100 }, () => takeAll(signal))).then(() => undefined);
    await within(workers, async () => {
      await clock.settle();
      assert.equal(takes, 100);
      queue.add("a");
      await clock.settle();
      assert.ok(takes <= 102);
    });
  });

  // A signal searches its listeners with each call that adds one, and calls of the store do so as well.
  it("has one listener for all workers of a signal", async () => {
    const { queue, clock, takeAll } = aQueue();
    let listeners = 0;
    const workers = (signal: AbortSignal): Promise<void> => {
      const listen = signal.addEventListener.bind(signal);
      signal.addEventListener = (...values: Parameters<typeof listen>) => {
        listeners++;
        listen(...values);
      };
      return Promise.all(Array.from({ length: 100 }, () => takeAll(signal))).then(() => undefined);
    };
    await within(workers, async () => {
      await clock.settle();
      queue.add("a");
      await clock.settle();
      assert.equal(listeners, 1);
    });
  });

  it("gives each key to exactly one of many workers", async () => {
    const { queue, clock, taken, takeAll } = aQueue();
    const workers = (signal: AbortSignal): Promise<void> =>
      Promise.all(Array.from({ length: 8 }, () => takeAll(signal))).then(() => undefined);
    await within(workers, async () => {
      await clock.settle();
      for (let key = 0; key < 100; key++) queue.add(String(key));
      await clock.advance(10);
    });
    assert.deepEqual(taken.toSorted(), Array.from({ length: 100 }, (_, key) => `${key}@0`).toSorted());
  });
});
