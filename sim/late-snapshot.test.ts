import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSimWorld } from "./create-sim-world.ts";

const nodes = ["node-a", "node-b", "node-c"].map((name) => ({ name, zone: "1" }));
/** The longest that anything may take, in milliseconds of virtual time. */
const LIMIT_MS = 600_000;
/** How long the first request for a snapshot is on its way to Azure, in milliseconds. Its controller ends. */
const LATE_MS = 300_000;
const RESTART_MS = 2_000;
const DELETED_AFTER_MS = 150_000;
/** Until what the late request has made is found, and deleted, in milliseconds. */
const REST_MS = 300_000;

describe("a request for a snapshot that arrives after Azure has refused the next one", () => {
  it("leaves no snapshot that nothing names", async () => {
    const world = createSimWorld({ seed: 1, attach: "kubernetes", nodes });
    const { azure, clock, cluster } = world;
    const end = new AbortController();
    const running = world.run(end.signal);
    try {
      cluster.apply({
        volumeName: "vol-1",
        sizeGiB: 4,
        skuName: "PremiumV2_LRS",
        maxShares: 1,
        replicas: 0,
        access: "mount",
      });
      const isReady = (): boolean => cluster.pods().some((pod) => pod.isReady);
      assert.ok(await clock.runUntil(() => isReady() && cluster.unfinished().length === 0, LIMIT_MS));
      let sent = 0;
      let restarting = Promise.resolve();
      azure.delaySnapshots(({ caller }) => {
        sent += 1;
        if (sent > 1) return 0;
        const sender = world.controllers.find(({ name }) => name === caller) ?? assert.fail("no sender");
        const restarted = async (): Promise<void> => {
          await clock.sleep(1, end.signal);
          sender.kill();
          await clock.sleep(RESTART_MS, end.signal);
          sender.start();
        };
        restarting = restarted();
        return LATE_MS;
      });
      const refusal = azure.model.faults.add({
        operation: "Snapshots_CreateOrUpdate",
        effect: { kind: "Error", status: 400, code: "BadRequest" },
      });
      const startedAtMs = clock.elapsedMs();
      const until = (ms: number): Promise<boolean> =>
        clock.runUntil(() => clock.elapsedMs() - startedAtMs >= ms, LIMIT_MS + REST_MS);
      cluster.snapshot("snapshot-1", "vol-1", {});
      await until(DELETED_AFTER_MS);
      await restarting;
      assert.ok(sent > 1, "a second request was sent, and refused");
      cluster.deleteSnapshot("snapshot-1");
      await until(LATE_MS - 1_000);
      azure.model.faults.remove(refusal.id);
      assert.ok(
        await clock.runUntil(() => azure.model.world.snapshots.size > 0, LIMIT_MS),
        "the first request arrives",
      );
      await until(LATE_MS + REST_MS);
      assert.deepEqual(
        [[...azure.model.world.snapshots.values()].map(({ name }) => name), cluster.volumeSnapshots()],
        [[], []],
      );
    } finally {
      end.abort();
      await running;
    }
  });
});
