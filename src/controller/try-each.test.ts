import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Failure } from "../core/failure/failure.ts";
import { fail, ok, type Result } from "../core/failure/result.ts";
import { tryEach } from "./try-each.ts";

const all = Array.from({ length: 130 }, (_, index) => index);
const unavailable: Failure = {
  kind: "CloudUnavailable",
  code: "InternalServerError",
  message: "",
  requestId: "r",
};

describe("tryEach", () => {
  it("returns the result of each, in order", async () => {
    assert.deepEqual(
      await tryEach(all, async (one) => ok(one * 2), assert.fail),
      ok(all.map((one) => one * 2)),
    );
  });

  it("tries all where some fail, reports each of these, and fails with the first", async () => {
    const failed: number[] = [];
    const failureOf = (one: number): Failure => ({ ...unavailable, requestId: `${one}` });
    const tried = await tryEach(
      all,
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
    assert.deepEqual([await tryEach(all, attempt, () => {}), tried.length], [fail(throttled), 64]);
  });

  it("tries the others where the store refuses the write of one object", async () => {
    const full: Failure = { kind: "StoreUnavailable", detail: "request is too large" };
    const done: number[] = [];
    const attempt = async (one: number): Promise<Result<unknown, Failure>> =>
      one === 3 ? fail(full) : ok(done.push(one));
    assert.deepEqual([await tryEach(all, attempt, () => {}), done.length], [fail(full), 129]);
  });
});
