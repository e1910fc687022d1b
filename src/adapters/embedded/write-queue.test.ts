import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ok } from "../../core/failure/result.ts";
import { createWriteQueue } from "./write-queue.ts";

const never = new AbortController().signal;

class DiskFull extends Error {}

/** A queue whose transactions are recorded by how many writes each held. */
function aQueue(commit: () => void = () => undefined) {
  const batches: number[] = [];
  let writes = 0;
  const queue = createWriteQueue<number>({
    transact: (run) => {
      const before = writes;
      run();
      commit();
      batches.push(writes - before);
    },
    isStoreError: (error) => error instanceof DiskFull,
    afterCommit: () => undefined,
  });
  return {
    batches,
    add: (signal = never) => queue.add(() => ok(++writes), signal),
    addFailing: (error: Error) =>
      queue.add(() => {
        throw error;
      }, never),
    close: queue.close,
  };
}

describe("createWriteQueue", () => {
  it("commits what arrives in one turn together, in order, and in bounded batches", async () => {
    const { add, batches } = aQueue();
    const results = await Promise.all(Array.from({ length: 300 }, () => add()));
    assert.deepEqual(
      results,
      Array.from({ length: 300 }, (_, index) => ok(index + 1)),
    );
    assert.deepEqual(batches, [256, 44]);
    await add();
    assert.deepEqual(batches, [256, 44, 1]);
  });

  it("acknowledges nothing that could not be committed, and continues", async () => {
    let isFull = true;
    const { add } = aQueue(() => {
      if (isFull) throw new DiskFull("no space left");
    });
    const failed = {
      ok: false,
      failure: { kind: "StoreUnavailable", detail: "the write could not be committed: no space left" },
    };
    assert.deepEqual(await Promise.all([add(), add()]), [failed, failed]);
    isFull = false;
    assert.equal((await add()).ok, true);
  });

  it("passes a bug to the waiting caller", async () => {
    const { addFailing } = aQueue();
    await assert.rejects(addFailing(new TypeError("bug")), /bug/);
  });

  it("leaves out a write whose caller has gone, and takes none once it is closed", async () => {
    const { add, batches, close } = aQueue();
    const caller = new AbortController();
    const writes = Promise.all([add(), add(caller.signal)]);
    caller.abort();
    assert.deepEqual(await writes, [ok(1), { ok: false, failure: { kind: "Cancelled" } }]);
    assert.deepEqual(batches, [1]);
    const waiting = add();
    close();
    const closed = { ok: false, failure: { kind: "StoreUnavailable", detail: "the store is closed" } };
    assert.deepEqual([await waiting, await add()], [closed, closed]);
  });

  it("refuses more than it can hold", async () => {
    const { add } = aQueue();
    const results = await Promise.all(Array.from({ length: 10_001 }, () => add()));
    assert.equal(
      results.filter((result) => !result.ok && result.failure.kind === "StoreUnavailable").length,
      1,
    );
  });
});
