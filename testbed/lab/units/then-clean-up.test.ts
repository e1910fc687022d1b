import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { thenCleanUp } from "./then-clean-up.ts";

const TEST_ERROR = new Error("the pod lost a record");
const CLEAN_UP_ERROR = new Error("timed out waiting for pods to go");

describe("cleaning up after a test", () => {
  async function thrownBy(use: () => Promise<void>, cleanUp: () => Promise<void>): Promise<unknown> {
    return thenCleanUp(use, cleanUp).then(
      () => undefined,
      (error: unknown) => error,
    );
  }
  const works = async (): Promise<void> => undefined;
  const fails = (error: Error) => (): Promise<void> => Promise.reject(error);

  it("happens once, after the test, whose result is returned", async () => {
    const order: string[] = [];
    const answer = await thenCleanUp(
      async () => order.push("used"),
      async () => void order.push("cleaned up"),
    );
    assert.deepEqual([answer, order], [1, ["used", "cleaned up"]]);
  });

  it("happens after a failed test, whose own error is thrown", async () => {
    const order: string[] = [];
    assert.equal(await thrownBy(fails(TEST_ERROR), async () => void order.push("cleaned up")), TEST_ERROR);
    assert.deepEqual(order, ["cleaned up"]);
  });

  it("fails a test that had passed", async () => {
    assert.equal(await thrownBy(works, fails(CLEAN_UP_ERROR)), CLEAN_UP_ERROR);
  });

  it("keeps the test's error first if both fail", async () => {
    const thrown = await thrownBy(fails(TEST_ERROR), fails(CLEAN_UP_ERROR));
    assert.ok(thrown instanceof AggregateError);
    assert.equal(
      thrown.message,
      "the pod lost a record\nCleaning up after it failed, too: timed out waiting for pods to go",
    );
    assert.deepEqual(thrown.errors, [TEST_ERROR, CLEAN_UP_ERROR]);
  });
});
