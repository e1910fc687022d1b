import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { unlessAborted } from "./unless-aborted.ts";

const REASON = new Error("the caller gave up");

/** The rejections without a handler while `act` runs, which would end the process. */
async function unhandledIn(act: () => Promise<void>): Promise<readonly unknown[]> {
  const unhandled: unknown[] = [];
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (reason) => unhandled.push(reason));
  try {
    await act();
    // Node reports them once the microtasks have run.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.removeAllListeners("unhandledRejection");
    for (const other of others) process.on("unhandledRejection", other);
  }
  return unhandled;
}

describe("unlessAborted", () => {
  it("answers what the work answers, and fails with what it fails with", async () => {
    const { signal } = new AbortController();
    assert.equal(await unlessAborted(Promise.resolve(1), signal), 1);
    await assert.rejects(unlessAborted(Promise.reject(new Error("failed")), signal), /^Error: failed$/u);
  });

  for (const [when, isAbortedBefore] of [
    ["before", true],
    ["while it waits", false],
  ] as const)
    it(`handles the later failure of work whose caller gave up ${when}`, async () => {
      const work = Promise.withResolvers<never>();
      const caller = new AbortController();
      if (isAbortedBefore) caller.abort(REASON);
      const unhandled = await unhandledIn(async () => {
        const waiting = unlessAborted(work.promise, caller.signal);
        caller.abort(REASON);
        await assert.rejects(waiting, REASON);
        work.reject(new Error("failed later"));
      });
      assert.deepEqual(unhandled, []);
    });

  it("prefers the signal to work that has ended, be it with a failure", async () => {
    const signal = AbortSignal.abort(REASON);
    const unhandled = await unhandledIn(async () => {
      await assert.rejects(unlessAborted(Promise.resolve(1), signal), REASON);
      await assert.rejects(unlessAborted(Promise.reject(new Error("failed")), signal), REASON);
    });
    assert.deepEqual(unhandled, []);
  });
});
