import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ok } from "../../core/failure/result.ts";
import { systemClock } from "../system/system-clock.ts";
import { createOperations } from "./operations.ts";

const never = new AbortController().signal;
const MINUTE_MS = 60_000;

describe("createOperations", () => {
  it("never begins an operation whose caller has left while it waited for another one", async () => {
    const operations = createOperations(systemClock);
    const hung = Promise.withResolvers<void>();
    const first = operations.run(
      { line: "format 2", keys: ["2"], limitMs: MINUTE_MS },
      async () => ok(await hung.promise),
      never,
    );
    const caller = new AbortController();
    let ran = 0;
    const act = async () => ok((ran += 1));
    const second = operations.run({ line: "mount 2", keys: ["2"], limitMs: MINUTE_MS }, act, caller.signal);
    caller.abort();
    assert.deepEqual(await second, { ok: false, failure: { kind: "Cancelled" } });
    hung.resolve();
    await first;
    await operations.run({ line: "look", keys: ["2"], limitMs: MINUTE_MS }, async () => ok(undefined), never);
    assert.deepEqual([ran, operations.inFlightOn(["2"])], [0, []]);
  });

  it("names the operation that another one has waited for in vain", async () => {
    const operations = createOperations(systemClock);
    const hung = Promise.withResolvers<void>();
    const first = operations.run(
      { line: "format 2", keys: ["2"], limitMs: MINUTE_MS },
      async () => ok(await hung.promise),
      never,
    );
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
    hung.resolve();
    await first;
  });
});
