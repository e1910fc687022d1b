import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startedEarly, untilAborted, untilEnded } from "./until-aborted.ts";

describe("untilEnded", () => {
  it("waits for all that runs, not only for what ends first", async () => {
    const life = new AbortController();
    const ended: string[] = [];
    const running = untilEnded(
      life.signal,
      async (signal) => {
        await untilAborted(signal);
        ended.push("first");
        throw signal.reason;
      },
      async (signal) => {
        await untilAborted(signal);
        await new Promise(setImmediate);
        ended.push("last");
      },
    );
    life.abort(new Error("SIGTERM"));
    await running;
    assert.deepEqual(ended, ["first", "last"]);
  });

  it("ends the others if one fails, and throws its error once they have ended", async () => {
    let hasEnded = false;
    const running = untilEnded(
      new AbortController().signal,
      async () => {
        throw new Error("a bug");
      },
      async (signal) => {
        await untilAborted(signal);
        await new Promise(setImmediate);
        hasEnded = true;
      },
    );
    await assert.rejects(running, /a bug/u);
    assert.equal(hasEnded, true);
  });
});

describe("startedEarly", () => {
  it("ends what was started early if a later run fails", { timeout: 10_000 }, async () => {
    const { signal } = new AbortController();
    let hasEnded = false;
    const early = startedEarly(signal, async (ending) => {
      await untilAborted(ending);
      hasEnded = true;
      throw ending.reason;
    });
    await assert.rejects(
      untilEnded(signal, early, async () => {
        throw new Error("a bug");
      }),
      /a bug/u,
    );
    assert.equal(hasEnded, true);
  });

  it("ends the later runs if what was started early fails", { timeout: 10_000 }, async () => {
    const { signal } = new AbortController();
    const failing = Promise.withResolvers<undefined>();
    const early = startedEarly(signal, () => failing.promise);
    const running = untilEnded(signal, early, untilAborted);
    failing.reject(new Error("a bug"));
    await assert.rejects(running, /a bug/u);
  });

  it("ends by the signal of the role without an error", { timeout: 10_000 }, async () => {
    const life = new AbortController();
    const running = untilEnded(life.signal, startedEarly(life.signal, untilAborted), untilAborted);
    life.abort(new Error("SIGTERM"));
    await running;
  });
});
