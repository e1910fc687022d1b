import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createVirtualClock, type VirtualClock } from "../adapters/virtual/virtual-clock.ts";
import { sharedReads } from "./shared-reads.ts";

const never = new AbortController().signal;
const SECOND_MS = 1_000;

/** A store whose reads are sent at once, and end when the test says so with the version by then. */
class SlowStore {
  readonly clock: VirtualClock = createVirtualClock();
  readonly signals: AbortSignal[] = [];
  readonly get = sharedReads<string, string>({
    clock: this.clock,
    keyOf: (name) => name,
    read: (_name, onSent, signal) => {
      onSent();
      this.signals.push(signal);
      return new Promise((resolve) => this.#answers.push(resolve));
    },
  });
  readonly #answers: ((version: string) => void)[] = [];

  /** Ends the earliest read (`index` = 0), or a later one. */
  async answer(version: string, index = 0): Promise<void> {
    this.#answers.splice(index, 1)[0]?.(version);
    await this.clock.settle();
  }
}

describe("shared reads", () => {
  it("answer callers during a read by one that starts after their calls", async () => {
    const store = new SlowStore();
    const first = store.get("lease", never);
    const others = [store.get("lease", never), store.get("lease", never), store.get("lease", never)];
    await store.answer("1");
    assert.equal(await first, "1");
    assert.equal(store.signals.length, 2);
    await store.answer("2");
    assert.deepEqual(await Promise.all(others), ["2", "2", "2"]);
    const later = store.get("lease", never);
    await store.answer("3");
    assert.equal(await later, "3");
    assert.equal(store.signals.length, 3);
  });

  it("do not let a caller join a read of its kind that was sent already", async () => {
    const store = new SlowStore();
    const first = store.get("lease", never);
    const second = store.get("lease", never);
    await store.answer("1");
    await first;
    // The second caller's read is under way now.
    const third = store.get("lease", never);
    await store.answer("2");
    await store.answer("3");
    assert.deepEqual(await Promise.all([second, third]), ["2", "3"]);
  });

  it("start beside a read that hangs, a second after it was sent", async () => {
    const store = new SlowStore();
    const hanging = store.get("lease", never);
    const second = store.get("lease", never);
    await store.clock.advance(SECOND_MS - 1);
    assert.equal(store.signals.length, 1);
    await store.clock.advance(1);
    assert.equal(store.signals.length, 2);
    // The second read delays the third, whatever the first one does.
    const third = store.get("lease", never);
    await store.answer("2", 1);
    assert.equal(await second, "2");
    await store.answer("3", 1);
    assert.equal(await third, "3");
    await store.answer("1");
    assert.deepEqual([await hanging, store.signals.length], ["1", 3]);
    assert.equal(store.clock.sleepers(), 0);
  });

  it("start without a negative time beside a read that has hung for longer", async () => {
    const clock = createVirtualClock();
    const slept: number[] = [];
    let reads = 0;
    const hanging = Promise.withResolvers<number>();
    const get = sharedReads<string, number>({
      clock: {
        ...clock,
        sleep: (ms, signal) => {
          slept.push(ms);
          return clock.sleep(ms, signal);
        },
      },
      keyOf: (name) => name,
      read: (_name, onSent) => {
        onSent();
        reads += 1;
        return reads === 1 ? hanging.promise : Promise.resolve(reads);
      },
    });
    const first = get("lease", never);
    await clock.advance(3 * SECOND_MS);
    const second = get("lease", never);
    await clock.advance(0);
    assert.deepEqual([await second, slept], [2, [0]]);
    hanging.resolve(1);
    assert.equal(await first, 1);
  });

  it("wait for a read under way when one that hung beside it ends", async () => {
    const store = new SlowStore();
    const hanging = store.get("lease", never);
    const second = store.get("lease", never);
    await store.clock.advance(SECOND_MS);
    await store.answer("1");
    const third = store.get("lease", never);
    await store.clock.settle();
    assert.equal(store.signals.length, 2);
    await store.answer("2");
    await store.answer("3");
    assert.deepEqual(await Promise.all([hanging, second, third]), ["1", "2", "3"]);
  });

  it("let an aborted caller leave, and abort the read with the last one", async () => {
    const store = new SlowStore();
    const first = store.get("lease", never);
    const [leaving, alsoLeaving] = [new AbortController(), new AbortController()];
    const left = store.get("lease", leaving.signal);
    const alsoLeft = store.get("lease", alsoLeaving.signal);
    leaving.abort(new Error("deadline"));
    await assert.rejects(left, { message: "deadline" });
    await assert.rejects(store.get("lease", leaving.signal), { message: "deadline" });
    await store.answer("1");
    await first;
    assert.equal(store.signals[1]?.aborted, false);
    alsoLeaving.abort(new Error("shutdown"));
    await assert.rejects(alsoLeft, { message: "shutdown" });
    assert.equal(store.signals[1]?.aborted, true);
  });

  it("do not let a caller join a read whose callers have all left", async () => {
    const store = new SlowStore();
    const first = store.get("lease", never);
    const leaving = new AbortController();
    // At once, while the read that has no caller any more ends.
    const second = store.get("lease", leaving.signal).catch(() => store.get("lease", never));
    leaving.abort(new Error("deadline"));
    await store.clock.settle();
    const third = store.get("lease", never);
    await store.answer("1");
    await store.answer("2");
    assert.deepEqual(await Promise.all([first, second, third]), ["1", "2", "2"]);
    assert.equal(store.signals.length, 2);
  });

  it("let callers join until the read is sent, and not when it is repeated", async () => {
    const clock = createVirtualClock();
    let reads = 0;
    const get = sharedReads<string, number>({
      clock,
      keyOf: (name) => name,
      read: async (_name, onSent, signal) => {
        await clock.sleep(SECOND_MS, signal);
        const number = (reads += 1);
        onSent();
        await clock.sleep(2, signal);
        onSent();
        await clock.sleep(2, signal);
        return number;
      },
    });
    const first = get("vm", never);
    await clock.advance(SECOND_MS - 1);
    const joined = get("vm", never);
    await clock.advance(1);
    const late = get("vm", never);
    // The repetition is on its way.
    await clock.advance(3);
    const latest = get("vm", never);
    await clock.runUntilIdle(10 * SECOND_MS);
    assert.deepEqual(await Promise.all([first, joined, late, latest]), [1, 1, 2, 2]);
  });

  it("do not let a caller join a read that ended without being sent", async () => {
    let reads = 0;
    const get = sharedReads<string, number>({
      clock: createVirtualClock(),
      keyOf: (name) => name,
      read: async () => (reads += 1),
    });
    assert.deepEqual([await get("vm", never), await get("vm", never)], [1, 2]);
  });

  it("read names apart", async () => {
    const store = new SlowStore();
    const reads = [store.get("a", never), store.get("b", never)];
    assert.equal(store.signals.length, 2);
    await store.answer("1");
    await store.answer("2");
    assert.deepEqual(await Promise.all(reads), ["1", "2"]);
  });
});
