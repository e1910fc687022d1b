import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail, ok } from "../../core/failure/result.ts";
import { KeyPace } from "./key-pace.ts";

const LEAST_MS = 1_000;

/** A pace, and a way to move its clock on. */
function aPace() {
  let nowMs = 0;
  const pace = new KeyPace({ elapsedMs: () => nowMs }, LEAST_MS);
  return {
    pace,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

describe("KeyPace", () => {
  it("delays the next action on the same key only", () => {
    const { pace, pass } = aPace();
    assert.equal(pace.waitMs("a"), 0);
    pace.acted("a");
    pass(1);
    assert.deepEqual([pace.waitMs("a"), pace.waitMs("b")], [LEAST_MS - 1, 0]);
    pass(LEAST_MS - 1);
    assert.equal(pace.waitMs("a"), 0);
  });

  it("measures from the last action, whatever other keys did", () => {
    const { pace, pass } = aPace();
    for (const key of ["a", "b", "a"]) {
      pace.acted(key);
      pass(LEAST_MS / 2);
    }
    assert.deepEqual([pace.waitMs("a"), pace.waitMs("b")], [LEAST_MS / 2, 0]);
    pace.acted("c");
    assert.equal(pace.waitMs("a"), LEAST_MS / 2);
  });

  it("runs what is due, requeues what is not, and does not count a failure", async () => {
    const { pace, pass } = aPace();
    const failed = fail({ kind: "Cancelled" } as const);
    assert.deepEqual(await pace.run("a", () => Promise.resolve(failed)), failed);
    assert.deepEqual(await pace.run("a", () => Promise.resolve(ok({}))), ok({}));
    pass(1);
    const early = await pace.run("a", () => assert.fail("it is not due"));
    assert.deepEqual(early, ok({ requeueAfterMs: LEAST_MS - 1 }));
  });
});
