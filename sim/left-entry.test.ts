import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSimWorld } from "./create-sim-world.ts";
import type { SimWorld } from "./world.ts";

const nodes = ["node-a", "node-b", "node-c"].map((name) => ({ name, zone: "1" }));
/** The longest that anything may take, in milliseconds of virtual time. */
const LIMIT_MS = 1_200_000;

const attachedNodes = (world: SimWorld): readonly string[] =>
  world.store
    .objects("AzVolumeAttachment")
    .filter(
      ({ metadata, status }) => metadata.deletionTimestamp === undefined && status?.state === "Attached",
    )
    .map(({ spec }) => spec.nodeName)
    .sort();

const entriesOf = (world: SimWorld, nodeName: string) => world.azure.vmOf(nodeName)?.dataDisks ?? [];

const leaseOf = (world: SimWorld) => world.store.objects("Lease")[0]?.metadata;

describe("an entry that a failed attach has left, whose object a restored store has lost", () => {
  it("goes, though its disk names no VM: it would fail the attaches of other disks", async () => {
    const world = createSimWorld({ seed: 1, attach: "kubernetes", nodes });
    const end = new AbortController();
    const running = world.run(end.signal);
    const until = async (what: string, isReached: () => boolean): Promise<void> => {
      if (!(await world.clock.runUntil(isReached, LIMIT_MS)))
        assert.fail(`${what}: not reached\n${world.trace.lines().slice(-60).join("\n")}`);
    };
    try {
      world.cluster.apply({
        volumeName: "vol-1",
        sizeGiB: 4,
        skuName: "Premium_LRS",
        maxShares: 3,
        replicas: 1,
        access: "mount",
      });
      await until("a pod and a replica", () => attachedNodes(world).length === 2);
      const writer = world.cluster.pods()[0]?.nodeName ?? "";
      const before = attachedNodes(world);
      const replica = before.find((name) => name !== writer) ?? "";
      const other = nodes.map(({ name }) => name).find((name) => !before.includes(name)) ?? "";

      const { world: azure, faults } = { ...world.azure.model, world: world.azure.model.world };
      azure.settings = { ...azure.settings, failedAttach: "kept" };
      const backup = world.store.snapshot();
      const version = leaseOf(world)?.resourceVersion;
      const rule = faults.add({
        operation: "VirtualMachines_Update",
        resource: world.azure.instanceUriOf(other),
        effect: { kind: "FailOperation", code: "InternalOperationError", applied: "none" },
      });
      // The replica leaves its node and is attached to the third one, where that fails.
      world.cluster.setUnschedulable(replica, true);
      await until("an entry of a failed attach", () =>
        entriesOf(world, other).some(({ phase }) => phase === "AttachFailed"),
      );
      world.cluster.setUnschedulable(other, true);
      world.cluster.setUnschedulable(replica, false);
      await until("a later renewal", () => leaseOf(world)?.resourceVersion !== version);
      world.store.restore(backup);
      faults.remove(rule.id);
      assert.equal(entriesOf(world, other).length, 1, "the restored store knows nothing of it");

      await until("the entry to go", () => entriesOf(world, other).length === 0);
      await until("rest", () => attachedNodes(world).length === 2 && world.cluster.unfinished().length === 0);
      assert.deepEqual(attachedNodes(world), before);
      assert.deepEqual(world.violations(), []);
    } finally {
      end.abort();
      await running;
    }
  });
});
