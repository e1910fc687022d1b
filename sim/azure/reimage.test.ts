import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSimWorld } from "../create-sim-world.ts";
import type { SimWorld } from "../world.ts";

const LIMIT_MS = 600_000;

/** A world with one node on an instance of a uniform scale set, in which only Azure acts. */
async function inAzure(act: (world: SimWorld) => Promise<void>): Promise<void> {
  const nodes = ["node-a", "node-b"].map((name) => ({ name, zone: "1", instance: "uniform" as const }));
  const world = createSimWorld({ seed: 1, nodes, attach: "kubernetes" });
  const end = new AbortController();
  const running = world.run(end.signal).catch(() => undefined);
  try {
    await act(world);
  } finally {
    end.abort();
    await world.clock.runUntil(() => false, 1);
    await running;
  }
}

describe("a node in a uniform scale set", () => {
  it("is the same VM with another OS disk after a reimage", () =>
    inAzure(async ({ azure, clock }) => {
      const machine = azure.machineOf("node-a") ?? assert.fail("no machine");
      const { vmGuid, instanceUri } = machine;
      azure.reimage("node-a");
      assert.equal(machine.osDisk(), 1);
      const isDone = (): boolean => machine.osDisk() === 2 && machine.state() === "running";
      assert.ok(await clock.runUntil(isDone, LIMIT_MS));
      assert.equal(azure.machineOf("node-a"), machine);
      assert.deepEqual([machine.vmGuid, machine.instanceUri], [vmGuid, instanceUri]);
    }));

  it("may get the resource id of a node that was scaled in, and is another VM", () =>
    inAzure(async ({ azure, clock }) => {
      const { instanceUri, vmGuid } = azure.machineOf("node-a") ?? assert.fail("no machine");
      assert.throws(() => azure.reuseInstance("node-a", "node-ax"), /still has its resource id/u);
      azure.deleteVm("node-a");
      assert.ok(await clock.runUntil(() => azure.machineOf("node-a") === undefined, LIMIT_MS));
      azure.reuseInstance("node-a", "node-ax");
      const next = azure.addVm("node-ax", "1");
      assert.deepEqual([next.instanceUri, next.vmGuid === vmGuid], [instanceUri, false]);
      assert.deepEqual([azure.nodeNameAt(instanceUri), azure.machineOf("node-a")], ["node-ax", undefined]);
    }));
});
