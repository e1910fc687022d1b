import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ok } from "../core/failure/result.ts";
import { OperationLock } from "./operation-lock.ts";

describe("OperationLock", () => {
  it("refuses a second operation on a volume while the first is under way, by name", async () => {
    const lock = new OperationLock();
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
    const first = lock.run("/disks/PVC-1", "CreateVolume", async () => {
      await mayEnd;
      return ok("created");
    });
    const second = await lock.run("/disks/pvc-1", "DeleteVolume", async () => ok("deleted"));
    end();
    assert.deepEqual(second, {
      ok: false,
      failure: { kind: "OperationInProgress", volumeId: "/disks/pvc-1", operation: "CreateVolume" },
    });
    assert.deepEqual(await first, ok("created"));
  });

  it("lets other volumes through", async () => {
    const lock = new OperationLock();
    const both = await lock.run("a", "CreateVolume", () =>
      lock.run("b", "CreateVolume", async () => ok("both")),
    );
    assert.deepEqual(both, ok("both"));
  });

  it("is free again after an operation that threw", async () => {
    const lock = new OperationLock();
    const bug = async (): Promise<never> => {
      throw new Error("bug");
    };
    await assert.rejects(lock.run("a", "CreateVolume", bug), /bug/u);
    assert.deepEqual(await lock.run("a", "CreateVolume", async () => ok(1)), ok(1));
  });

  describe("while an operation only waits", () => {
    // The first continues when both the wait and that one have ended.
    it("admits one concurrent operation while the first waits", async () => {
      const lock = new OperationLock();
      const order: string[] = [];
      const [waited, cleaned] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const first = lock.run("a", "NodeStageVolume", async () => {
        await lock.whileWaiting("A", () => waited.promise);
        order.push("staged");
        return ok(1);
      });
      const concurrent = lock.runConcurrently("a", "clean-up", async () => {
        await cleaned.promise;
        order.push("cleaned");
        return ok(2);
      });
      assert.equal(
        (await lock.runConcurrently("a", "clean-up", async () => ok(3))).ok,
        false,
        "one at a time",
      );
      waited.resolve();
      assert.equal(
        (await lock.run("a", "NodeUnstageVolume", async () => ok(4))).ok,
        false,
        "none that may not run concurrently",
      );
      assert.equal(
        (await lock.runConcurrently("a", "clean-up", async () => ok(5))).ok,
        false,
        "none when the wait has ended",
      );
      cleaned.resolve();
      assert.deepEqual([await first, await concurrent, order], [ok(1), ok(2), ["cleaned", "staged"]]);
      assert.deepEqual(await lock.run("a", "NodeUnstageVolume", async () => ok(6)), ok(6));
    });

    it("excludes it before and after the wait, also after one that failed", async () => {
      const lock = new OperationLock();
      const tryIn = async (): Promise<boolean> =>
        (await lock.runConcurrently("a", "clean-up", async () => ok(0))).ok;
      const seen = await lock.run("a", "NodeStageVolume", async () => {
        const before = await tryIn();
        const during = await lock.whileWaiting("a", tryIn);
        await assert.rejects(
          lock.whileWaiting("a", () => Promise.reject(new Error("bug"))),
          /bug/u,
        );
        return ok([before, during, await tryIn()]);
      });
      assert.deepEqual(seen, ok([false, true, false]));
    });

    it("runs normally without an operation under way, and waits without one", async () => {
      const lock = new OperationLock();
      const seen = await lock.runConcurrently("a", "clean-up", async () =>
        lock.run("a", "NodeStageVolume", async () => ok(1)),
      );
      assert.equal(seen.ok, false);
      assert.equal(await lock.whileWaiting("a", async () => 2), 2);
    });
  });
});
