import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Failure } from "../core/failure/failure.ts";
import { fail, ok, type Result } from "../core/failure/result.ts";
import type { Logger } from "../ports/logger.ts";
import { silentLogger } from "./testing/silent-logger.ts";
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
  { logger = silentLogger, signal = new AbortController().signal } = {},
): ReturnType<typeof tryEach<number, R>> {
  return tryEach(all, { attempt, onFailure, logger }, signal);
}

describe("tryEach", () => {
  it("returns the result of each, in order", async () => {
    assert.deepEqual(await tryAll(async (one) => ok(one * 2), assert.fail), ok(all.map((one) => one * 2)));
  });

  it("tries all where some fail, reports each of these, and fails with the first", async () => {
    const failed: number[] = [];
    const failureOf = (one: number): Failure => ({ ...unavailable, requestId: `${one}` });
    const tried = await tryAll(
      async (one) => (one % 65 === 3 ? fail(failureOf(one)) : ok(one)),
      (one) => failed.push(one),
    );
    assert.deepEqual([tried, failed], [fail(failureOf(3)), [3, 68]]);
  });

  it("stops after a batch that failed in a way that the others would as well", async () => {
    const tried: number[] = [];
    const throttled: Failure = { kind: "Throttled", retryAfterMs: 1_000, detail: "429" };
    const attempt = async (one: number): Promise<Result<never, Failure>> => {
      tried.push(one);
      return fail(throttled);
    };
    assert.deepEqual([await tryAll(attempt), tried.length], [fail(throttled), 64]);
  });

  it("tries the others where the store refuses the write of one object", async () => {
    const full: Failure = { kind: "StoreUnavailable", detail: "request is too large" };
    const done: number[] = [];
    const attempt = async (one: number): Promise<Result<unknown, Failure>> =>
      one === 3 ? fail(full) : ok(done.push(one));
    assert.deepEqual([await tryAll(attempt), done.length], [fail(full), 129]);
  });

  it("tries the others where one meets a bug, names that one and logs the stack", async () => {
    const failed: unknown[] = [];
    const logged: unknown[] = [];
    const logger: Logger = { ...silentLogger, error: (message, fields) => logged.push(message, fields) };
    const done: number[] = [];
    const attempt = async (one: number): Promise<Result<unknown, Failure>> => {
      if (one === 3) throw new TypeError("not iterable");
      return ok(done.push(one));
    };
    const bug = { kind: "DriverBug", detail: "not iterable" } as const;
    const tried = await tryAll(attempt, (one, failure) => failed.push(one, failure), { logger });
    assert.deepEqual([tried, failed, done.length], [fail(bug), [3, bug], 129]);
    assert.equal(logged[0], "attempt threw: a bug");
    assert.match(JSON.stringify(logged[1]), /TypeError: not iterable.*try-each\.test\.ts/u);
  });

  it("takes what a stop has interrupted for no bug", async () => {
    const logger: Logger = { ...silentLogger, error: assert.fail };
    const stopped = AbortSignal.abort();
    const attempt = async (): Promise<Result<never, Failure>> => {
      throw stopped.reason;
    };
    const tried = await tryAll(attempt, () => {}, { logger, signal: stopped });
    assert.deepEqual(tried, fail({ kind: "Cancelled" }));
  });
});
