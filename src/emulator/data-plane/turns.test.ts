import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { newTurns } from "./turns.ts";

describe("newTurns", () => {
  it("runs the work on one key in order, also after a failure, beside other keys", async () => {
    const turns = newTurns();
    const trace: string[] = [];
    const blocked = Promise.withResolvers<void>();
    const first = turns.take("disk-1", async () => {
      await blocked.promise;
      trace.push("first");
      throw new Error("first failed");
    });
    const second = turns.take("disk-1", async () => trace.push("second"));
    await turns.take("disk-2", async () => trace.push("other"));
    blocked.resolve();
    await assert.rejects(first, { message: "first failed" });
    await second;
    assert.deepEqual(trace, ["other", "first", "second"]);
  });

  it("reports when all requested work has ended", async () => {
    const turns = newTurns();
    const ended: string[] = [];
    const failing = assert.rejects(
      turns.take("disk-1", async () => {
        ended.push("failed");
        throw new Error("no");
      }),
    );
    const working = turns.take("disk-2", async () => ended.push("worked"));
    await turns.allTaken();
    assert.deepEqual(ended, ["failed", "worked"]);
    await Promise.all([failing, working]);
  });
});
