import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ok } from "../core/result.ts";
import { OperationLock } from "./operation-lock.ts";

describe("OperationLock", () => {
  it("refuses a second operation on a volume while the first is under way, and says which that is", async () => {
    const lock = new OperationLock();
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
    const first = lock.run("/disks/PVC-1", "CreateVolume", async () => {
      await mayEnd;
      return ok("created");
    });
    const second = await lock.run("/disks/pvc-1", "DeleteVolume", async () => ok("deleted"));
    end();
    assert.deepEqual(second, { ok: false, failure: { kind: "OperationInProgress", volumeId: "/disks/pvc-1", operation: "CreateVolume" } });
    assert.deepEqual(await first, ok("created"));
  });

  it("lets other volumes through", async () => {
    const lock = new OperationLock();
    const both = await lock.run("a", "CreateVolume", () => lock.run("b", "CreateVolume", async () => ok("both")));
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
});
