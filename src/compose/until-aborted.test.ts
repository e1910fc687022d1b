import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { untilAborted, untilEnded } from "./until-aborted.ts";

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
