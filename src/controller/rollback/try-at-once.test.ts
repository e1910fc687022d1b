import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { silentLogger } from "../testing/silent-logger.ts";
import { tryAtOnce } from "./try-at-once.ts";

const all = [0, 1, 2, 3, 4, 5];
const throttled: Failure = { kind: "Throttled", retryAfterMs: 1_000, detail: "429" };

function tryAll(
  attempt: (one: number) => Promise<Result<number, Failure>>,
  onFailure: (one: number, failure: Failure) => void = assert.fail,
  signal = new AbortController().signal,
): ReturnType<typeof tryAtOnce<number, number>> {
  return tryAtOnce(all, { atOnce: 2, attempt, onFailure, logger: silentLogger }, signal);
}

describe("tryAtOnce", () => {
  it("tries all, and no more at once than it may", async () => {
    let [present, most] = [0, 0];
    const tried = await tryAll(async (one) => {
      most = Math.max(most, ++present);
      await Promise.resolve();
      present--;
      return ok(one);
    });
    assert.deepEqual([tried, most], [{ done: all, failed: undefined }, 2]);
  });

  it("tries all others while one hangs", async () => {
    const { promise: hanging, resolve } = Promise.withResolvers<void>();
    const tried = await tryAll(async (one) => {
      if (one === 0) await hanging;
      if (one === 5) resolve();
      return ok(one);
    });
    assert.deepEqual(tried, { done: [1, 2, 3, 4, 5, 0], failed: undefined });
  });

  it("tries all where each fails, reports each, and answers the first failure", async () => {
    const failed: number[] = [];
    const tried = await tryAll(
      async () => fail(throttled),
      (one) => failed.push(one),
    );
    assert.deepEqual([tried, failed], [{ done: [], failed: throttled }, all]);
  });

  it("takes a bug of one for its failure, and tries the others", async () => {
    const failed: unknown[] = [];
    const tried = await tryAll(
      async (one) => {
        if (one === 1) throw new TypeError("not iterable");
        return ok(one);
      },
      (one, failure) => failed.push(one, failure),
    );
    const bug = { kind: "DriverBug", detail: "not iterable" } as const;
    assert.deepEqual([tried, failed], [{ done: [0, 2, 3, 4, 5], failed: bug }, [1, bug]]);
  });

  it("begins none after a stop, and reports nothing that the stop has interrupted", async () => {
    const stop = new AbortController();
    const begun: number[] = [];
    const tried = await tryAll(
      async (one) => {
        begun.push(one);
        if (one === 2) stop.abort();
        return one === 2 ? fail(throttled) : ok(one);
      },
      assert.fail,
      stop.signal,
    );
    assert.equal(tried.failed?.kind, "Cancelled");
    assert.ok(begun.length <= 4, `${begun.length} were begun`);
  });

  it("begins none after one was cancelled", async () => {
    const begun: number[] = [];
    const tried = await tryAll(async (one) => {
      begun.push(one);
      return fail({ kind: "Cancelled" });
    });
    assert.deepEqual([tried, begun], [{ done: [], failed: { kind: "Cancelled" } }, [0, 1]]);
  });
});
