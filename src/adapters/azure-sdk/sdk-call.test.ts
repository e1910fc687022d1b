import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CallOptions, sendThroughSdk } from "./sdk-call.ts";

const never = new AbortController().signal;
const call = { clientRequestId: "correlation-1", timeoutMs: 60_000, nowMs: () => 0 };
const raw = { status: 200, headers: { toJSON: () => ({}) }, bodyAsText: "{}" };

describe("a call of the SDK that ignores its signal", () => {
  for (const { because, timeoutMs, code, message } of [
    { because: "its limit", timeoutMs: 5, code: "NoAnswer", message: "no answer within 5 ms" },
    { because: "its caller", timeoutMs: 60_000, code: "Cancelled", message: "the caller gave up" },
  ]) {
    it(`ends with ${because}, and may fail or answer later`, { timeout: 10_000 }, async () => {
      const caller = new AbortController();
      const invoked = Promise.withResolvers<void>();
      let options: CallOptions | undefined;
      const sent = sendThroughSdk(
        { ...call, timeoutMs },
        (given) => {
          options = given;
          return invoked.promise;
        },
        caller.signal,
      );
      if (code === "Cancelled") caller.abort(new Error("deadline"));
      const answer = await sent;
      assert.ok("lost" in answer);
      const { code: lostCode, message: lostMessage, statusCode } = answer.lost;
      assert.deepEqual([lostCode, lostMessage, statusCode], [code, message, 0]);
      assert.equal(options?.abortSignal.aborted, true, "the request could still be sent");
      const unhandled: unknown[] = [];
      const note = (reason: unknown): void => void unhandled.push(reason);
      process.on("unhandledRejection", note);
      try {
        assert.throws(() => options?.onResponse(raw));
        invoked.reject(new Error("late"));
        await new Promise(setImmediate);
        assert.deepEqual(unhandled, []);
      } finally {
        process.off("unhandledRejection", note);
      }
    });
  }

  it("keeps an answer that came before the end", async () => {
    const caller = new AbortController();
    const answer = await sendThroughSdk(
      call,
      async ({ onResponse }) => {
        try {
          onResponse(raw);
        } finally {
          caller.abort();
        }
      },
      caller.signal,
    );
    assert.deepEqual(answer, { statusCode: 200, headers: {}, body: {}, atMs: 0 });
  });

  it("fails for an SDK that reports no answer", async () => {
    const answer = await sendThroughSdk(call, async () => undefined, never);
    assert.ok("lost" in answer);
    assert.equal(answer.lost.message, "the SDK reported no answer");
  });
});
