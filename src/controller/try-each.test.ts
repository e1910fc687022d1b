import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Failure } from "../core/failure/failure.ts";
import { fail, ok, type Result } from "../core/failure/result.ts";
import type { Logger } from "../ports/logger.ts";
import { silentLogger } from "../ports/testing/silent-logger.ts";
import { type Attempts, tryEach } from "./try-each.ts";

const all = Array.from({ length: 130 }, (_, index) => index);
const unavailable: Failure = {
  kind: "CloudUnavailable",
  code: "InternalServerError",
  message: "",
  requestId: "r",
};

function tryAll<R>(
  attempt: Attempts<number, R>["attempt"],
  onFailure: Attempts<number, R>["onFailure"] = () => {},
  {
    logger = silentLogger,
    signal = new AbortController().signal,
    ...limits
  }: Partial<Attempts<number, R>> & { readonly signal?: AbortSignal } = {},
): ReturnType<typeof tryEach<number, R>> {
  return tryEach(all, { attempt, onFailure, logger, ...limits }, signal);
}

describe("tryEach", () => {
  it("returns the result of each, in the order in which they end", async () => {
    const doubled = { done: all.map((one) => one * 2), failed: undefined };
    assert.deepEqual(await tryAll(async (one) => ok(one * 2), assert.fail), doubled);
  });

  it("tries all, and no more at once than it may", async () => {
    for (const [limits, expected] of [
      [{}, 64],
      [{ atOnce: 2 }, 2],
    ] as const) {
      let [present, most] = [0, 0];
      const attempt = async (one: number): Promise<Result<number>> => {
        most = Math.max(most, ++present);
        await Promise.resolve();
        present--;
        return ok(one);
      };
      assert.deepEqual(
        [await tryAll(attempt, assert.fail, limits), most],
        [{ done: all, failed: undefined }, expected],
      );
    }
  });

  it("tries all others while one hangs", async () => {
    const { promise: hanging, resolve } = Promise.withResolvers<void>();
    const tried = await tryAll(async (one) => {
      if (one === 0) await hanging;
      if (one === 129) resolve();
      return ok(one);
    });
    assert.deepEqual(tried, { done: [...all.slice(1), 0], failed: undefined });
  });

  it("tries all where some fail, reports each of these, and says the first failure", async () => {
    const failed: number[] = [];
    const failureOf = (one: number): Failure => ({ ...unavailable, requestId: `${one}` });
    const tried = await tryAll(
      async (one) => (one % 65 === 3 ? fail(failureOf(one)) : ok(one)),
      (one) => failed.push(one),
    );
    const done = all.filter((one) => one % 65 !== 3);
    assert.deepEqual([tried, failed], [{ done, failed: failureOf(3) }, [3, 68]]);
  });

  for (const [first, later, said] of [
    ["ObjectInvalid", "StoreUnavailable", "StoreUnavailable"],
    ["DriverBug", "StoreUnavailable", "StoreUnavailable"],
    ["StoreUnavailable", "ObjectInvalid", "StoreUnavailable"],
    ["ObjectInvalid", "DriverBug", "ObjectInvalid"],
    ["Cancelled", "StoreUnavailable", "Cancelled"],
  ] as const)
    it(`says the general failure, where there is one: ${first}, then ${later}`, async () => {
      const failures: Readonly<Record<typeof first | typeof later, Failure>> = {
        ObjectInvalid: { kind: "ObjectInvalid", objectKind: "AzVolume", name: "pvc-1", problem: "" },
        DriverBug: { kind: "DriverBug", detail: "" },
        StoreUnavailable: { kind: "StoreUnavailable", detail: "" },
        Cancelled: { kind: "Cancelled" },
      };
      const attempt = async (one: number): Promise<Result<number>> =>
        one > 1 ? ok(one) : fail(failures[one === 0 ? first : later]);
      assert.deepEqual((await tryAll(attempt)).failed, failures[said]);
    });

  for (const { because, limits, begun } of [
    { because: "64, beside those under way", limits: {}, begun: 127 },
    { because: "as many as are tried at once", limits: { atOnce: 2 }, begun: 3 },
    { because: "as many as it may", limits: { atOnce: 2, generalMax: 5 }, begun: 6 },
    { because: "never, where it is to try all", limits: { generalMax: Infinity }, begun: 130 },
  ])
    it(`begins none after failures in a row that the others would meet as well: ${because}`, async () => {
      const tried: number[] = [];
      const throttled: Failure = { kind: "Throttled", retryAfterMs: 1_000, detail: "429" };
      const attempt = async (one: number): Promise<Result<never>> => {
        tried.push(one);
        return fail(throttled);
      };
      const answered = await tryAll(attempt, () => {}, limits);
      assert.deepEqual([answered, tried.length], [{ done: [], failed: throttled }, begun]);
    });

  it("begins no further one once one was cancelled", async () => {
    const begun: number[] = [];
    const attempt = async (one: number): Promise<Result<never>> => {
      begun.push(one);
      return fail({ kind: "Cancelled" });
    };
    const tried = await tryAll(attempt, assert.fail, { atOnce: 2 });
    assert.deepEqual([tried, begun], [{ done: [], failed: { kind: "Cancelled" } }, [0, 1]]);
  });

  it("begins none after a stop, and reports nothing that the stop has interrupted", async () => {
    const stop = new AbortController();
    const begun: number[] = [];
    const attempt = async (one: number): Promise<Result<number>> => {
      begun.push(one);
      if (one === 2) stop.abort();
      return one === 2 ? fail(unavailable) : ok(one);
    };
    const tried = await tryAll(attempt, assert.fail, { atOnce: 2, signal: stop.signal });
    assert.deepEqual(tried.failed, { kind: "Cancelled" });
    assert.ok(begun.length <= 4, `${begun.length} were begun`);
  });

  it("tries the others where the store refuses the write of one object", async () => {
    const full: Failure = { kind: "StoreUnavailable", detail: "request is too large" };
    const attempt = async (one: number): Promise<Result<number>> => (one === 3 ? fail(full) : ok(one));
    assert.deepEqual(await tryAll(attempt), { done: all.filter((one) => one !== 3), failed: full });
  });

  it("tries the others where one meets a bug, names that one and logs the stack", async () => {
    const failed: unknown[] = [];
    const logged: unknown[] = [];
    const logger: Logger = { ...silentLogger, error: (message, fields) => logged.push(message, fields) };
    const done: number[] = [];
    const attempt = async (one: number): Promise<Result<unknown>> => {
      if (one === 3) throw new TypeError("not iterable");
      return ok(done.push(one));
    };
    const bug = { kind: "DriverBug", detail: "not iterable" } as const;
    const tried = await tryAll(attempt, (one, failure) => failed.push(one, failure), { logger });
    assert.deepEqual([tried.failed, failed, done.length], [bug, [3, bug], 129]);
    assert.equal(logged[0], "attempt threw: a bug");
    assert.match(JSON.stringify(logged[1]), /TypeError: not iterable.*try-each\.test\.ts/u);
  });

  it("takes what a stop has interrupted for no bug", async () => {
    const logger: Logger = { ...silentLogger, error: assert.fail };
    const stopped = AbortSignal.abort();
    const attempt = async (): Promise<Result<never>> => {
      throw stopped.reason;
    };
    const tried = await tryAll(attempt, () => {}, { logger, signal: stopped });
    assert.deepEqual(tried, { done: [], failed: { kind: "Cancelled" } });
  });
});
