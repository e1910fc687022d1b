import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ok } from "../../core/failure/result.ts";
import { systemClock } from "../system/system-clock.ts";
import { createOperations } from "./operations.ts";

const never = new AbortController().signal;
const MINUTE_MS = 60_000;

/** Operations of which a format of disk 2 is under way until `end`. */
function withHungFormat() {
  const operations = createOperations(systemClock);
  const hung = Promise.withResolvers<void>();
  const format = operations.run(
    { line: "format 2", keys: ["2"], limitMs: MINUTE_MS },
    async () => ok(await hung.promise),
    never,
  );
  return {
    operations,
    end: async () => {
      hung.resolve();
      await format;
    },
  };
}

describe("createOperations", () => {
  it("never begins an operation whose caller has left while it waited for another one", async () => {
    const { operations, end } = withHungFormat();
    const caller = new AbortController();
    let ran = 0;
    const act = async () => ok((ran += 1));
    const second = operations.run({ line: "mount 2", keys: ["2"], limitMs: MINUTE_MS }, act, caller.signal);
    caller.abort();
    assert.deepEqual(await second, { ok: false, failure: { kind: "Cancelled" } });
    await end();
    await operations.run({ line: "look", keys: ["2"], limitMs: MINUTE_MS }, async () => ok(undefined), never);
    assert.deepEqual([ran, operations.inFlightOn(["2"])], [0, []]);
  });

  it("names the operation that another one has waited for in vain", async () => {
    const { operations, end } = withHungFormat();
    const second = await operations.run(
      { line: "mount 2", keys: ["2"], limitMs: 1 },
      async () => ok(1),
      never,
    );
    assert.deepEqual(second, {
      ok: false,
      failure: { kind: "HostCommandTimedOut", command: "mount 2, which waits for: format 2", timeoutMs: 1 },
    });
    assert.deepEqual(operations.inFlightOn(["2"]), ["format 2"]);
    await end();
  });
});
