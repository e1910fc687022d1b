import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KeyedMutex } from "./keyed-mutex.ts";

const never = new AbortController().signal;

/** Work that runs until released. */
function anOpenEnd(): {
  readonly work: () => Promise<void>;
  readonly end: () => void;
  readonly hasBegun: () => boolean;
} {
  const { promise, resolve } = Promise.withResolvers<void>();
  let begun = false;
  return {
    work: () => {
      begun = true;
      return promise;
    },
    end: resolve,
    hasBegun: () => begun,
  };
}

/** Runs all work that waits for nothing. */
const settle = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

describe("KeyedMutex", () => {
  it("runs holders of one key one after the other, and others at once", async () => {
    const mutex = new KeyedMutex();
    const [first, second, other] = [anOpenEnd(), anOpenEnd(), anOpenEnd()];
    const all = [
      mutex.run("a", first.work, never),
      mutex.run("a", second.work, never),
      mutex.run("b", other.work, never),
    ];
    await settle();
    assert.deepEqual([first.hasBegun(), second.hasBegun(), other.hasBegun()], [true, false, true]);
    first.end();
    await settle();
    assert.equal(second.hasBegun(), true);
    second.end();
    other.end();
    await Promise.all(all);
  });

  it("lets a waiter give up at once, without another one passing the holder", async () => {
    const mutex = new KeyedMutex();
    const [holder, third] = [anOpenEnd(), anOpenEnd()];
    const held = mutex.run("a", holder.work, never);
    const impatient = new AbortController();
    const givenUp = mutex.run("a", () => Promise.reject(new Error("ran all the same")), impatient.signal);
    impatient.abort(new Error("deadline"));
    await assert.rejects(givenUp, { message: "deadline" });
    const last = mutex.run("a", third.work, never);
    await settle();
    assert.equal(third.hasBegun(), false);
    holder.end();
    await settle();
    assert.equal(third.hasBegun(), true);
    third.end();
    await Promise.all([held, last]);
  });

  it("drops a key without holder and waiters, also after the last waiter gave up", async () => {
    const mutex = new KeyedMutex();
    const holder = anOpenEnd();
    const held = mutex.run("a", holder.work, never);
    const impatient = new AbortController();
    const givenUp = mutex.run("a", () => Promise.resolve(), impatient.signal);
    impatient.abort(new Error("deadline"));
    await assert.rejects(givenUp, { message: "deadline" });
    assert.equal(mutex.keysInUse, 1);
    holder.end();
    await held;
    assert.equal(mutex.keysInUse, 0);
  });

  it("continues after a holder that failed", async () => {
    const mutex = new KeyedMutex();
    await assert.rejects(
      mutex.run("a", () => Promise.reject(new Error("broken")), never),
      { message: "broken" },
    );
    assert.equal(await mutex.run("a", () => Promise.resolve(1), never), 1);
  });
});
