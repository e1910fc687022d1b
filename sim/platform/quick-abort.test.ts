import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { installQuickAbort } from "./quick-abort.ts";

const platforms = {
  "the platform's": { Controller: AbortController, Signal: AbortSignal },
  quick: quickOnes(),
};

function quickOnes() {
  const before = { Controller: AbortController, Signal: AbortSignal };
  installQuickAbort();
  const quick = { Controller: AbortController, Signal: AbortSignal };
  globalThis.AbortController = before.Controller;
  globalThis.AbortSignal = before.Signal;
  return quick;
}

for (const [name, { Controller, Signal }] of Object.entries(platforms)) {
  describe(`abort signals: ${name}`, () => {
    it("call each listener once, in order, with the reason in place", () => {
      const controller = new Controller();
      const { signal } = controller;
      const told: string[] = [];
      const twice = (): void => void told.push("twice");
      const removed = (): void => void told.push("removed");
      signal.addEventListener("abort", () => told.push(`first: ${String(signal.reason)}, ${signal.aborted}`));
      signal.addEventListener("abort", twice);
      signal.addEventListener("abort", twice, { once: true });
      signal.addEventListener("abort", removed);
      signal.addEventListener("abort", () => signal.removeEventListener("abort", late));
      const late = (): void => void told.push("late");
      signal.addEventListener("abort", late);
      signal.removeEventListener("abort", removed);
      controller.abort("why");
      controller.abort("again");
      signal.addEventListener("abort", () => told.push("too late"));
      assert.deepEqual(told, ["first: why, true", "twice"]);
      assert.throws(
        () => signal.throwIfAborted(),
        (error) => error === "why",
      );
    });

    it("have an AbortError as the default reason", () => {
      const controller = new Controller();
      controller.signal.throwIfAborted();
      controller.abort();
      const { name: reasonName } = controller.signal.reason as Error;
      assert.equal(reasonName, "AbortError");
    });

    it("follow the first of several, and keep its reason", () => {
      const [first, second] = [new Controller(), new Controller()];
      const either = Signal.any([first.signal, second.signal]);
      const told: unknown[] = [];
      either.addEventListener("abort", () => told.push(either.reason));
      second.abort("second");
      first.abort("first");
      assert.deepEqual([told, either.aborted, either.reason], [["second"], true, "second"]);
      assert.equal(Signal.any([Signal.abort("over"), new Controller().signal]).reason, "over");
    });
  });
}
