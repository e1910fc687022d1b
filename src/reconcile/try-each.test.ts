import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Failure } from "../core/failure.ts";
import { fail, ok, type Result } from "../core/result.ts";
import { tryEach } from "./try-each.ts";

const all = Array.from({ length: 130 }, (_, index) => index);
const unavailable: Failure = { kind: "CloudUnavailable", code: "InternalServerError", message: "", requestId: "r" };

describe("tryEach", () => {
  it("answers what each has come to, in order", async () => {
    assert.deepEqual(await tryEach(all, async (one) => ok(one * 2), assert.fail), ok(all.map((one) => one * 2)));
  });

  it("tries all where some fail, reports each of these, and fails as the first did", async () => {
    const failed: number[] = [];
    const failureOf = (one: number): Failure => ({ ...unavailable, requestId: `${one}` });
    const tried = await tryEach(
      all,
      async (one) => (one % 65 === 3 ? fail(failureOf(one)) : ok(one)),
      (one) => failed.push(one),
    );
    assert.deepEqual([tried, failed], [fail(failureOf(3)), [3, 68]]);
  });

  it("tries no more after a failure that the others would meet as well", async () => {
    const tried: number[] = [];
    const throttled: Failure = { kind: "Throttled", retryAfterMs: 1_000, detail: "429" };
    const attempt = async (one: number): Promise<Result<never, Failure>> => {
      tried.push(one);
      return fail(throttled);
    };
    assert.deepEqual([await tryEach(all, attempt, assert.fail), tried.length], [fail(throttled), 64]);
  });
});
