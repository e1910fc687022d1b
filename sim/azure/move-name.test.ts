import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findVm } from "../../src/emulator/model/world.ts";
import { createSimWorld } from "../create-sim-world.ts";

const nodes = ["node-a", "node-b", "node-c"].map((name) => ({ name, zone: "1" }));

/** A world in which another VM has the name of node-a, and the earlier VM is off. */
function moved() {
  const { azure } = createSimWorld({ seed: 1, nodes, attach: "kubernetes" });
  const earlier = azure.machineOf("node-a") ?? assert.fail("no machine");
  azure.losePower("node-a", { isSilent: false });
  azure.moveName("node-a");
  return { azure, earlier, next: azure.machineOf("node-a") ?? assert.fail("no machine") };
}

describe("a node's name that another VM takes", () => {
  it("means that VM from then on, and the earlier VM stays in Azure, off", () => {
    const { azure, earlier, next } = moved();
    assert.notEqual(next.vmGuid, earlier.vmGuid);
    assert.notEqual(next.instanceUri, earlier.instanceUri);
    assert.deepEqual(
      [azure.instanceUriOf("node-a"), azure.vmOf("node-a")?.vmGuid],
      [next.instanceUri, next.vmGuid],
    );
    assert.deepEqual(
      [azure.nodeNameAt(next.instanceUri), azure.nodeNameAt(earlier.instanceUri)],
      ["node-a", undefined],
    );
    assert.deepEqual(
      azure.machines().map(({ nodeName }) => nodeName),
      ["node-b", "node-c", "node-a"],
    );
    const kept = findVm(azure.model.world, earlier.instanceUri);
    assert.deepEqual(
      [kept?.vmGuid, kept?.power, earlier.state(), next.state()],
      [earlier.vmGuid, "stopped", "off", "running"],
    );
  });

  it("can move again, and power that returns to the node is not the earlier VM's", () => {
    const { azure, earlier, next } = moved();
    azure.losePower("node-a", { isSilent: false });
    azure.powerOn("node-a");
    assert.deepEqual([earlier.state(), next.state()], ["off", "running"]);
    azure.losePower("node-a", { isSilent: false });
    azure.moveName("node-a");
    assert.equal(
      new Set([earlier, next, azure.machineOf("node-a")].map((machine) => machine?.instanceUri)).size,
      3,
    );
  });

  it("is taken only from a VM that is off or frozen", () => {
    const { azure } = createSimWorld({ seed: 1, nodes, attach: "kubernetes" });
    assert.throws(
      () => azure.moveName("node-a"),
      /the VM of node-a has to be stopped or frozen before another one takes its name/u,
    );
  });

  it("is also taken from a frozen VM, which keeps its disks and may thaw", () => {
    const { azure } = createSimWorld({ seed: 1, nodes, attach: "kubernetes" });
    const earlier = azure.machineOf("node-a") ?? assert.fail("no machine");
    azure.freeze("node-a");
    azure.moveName("node-a");
    azure.thaw("node-a");
    const kept = findVm(azure.model.world, earlier.instanceUri);
    assert.deepEqual(
      [kept?.power, earlier.state(), azure.machineOf("node-a")?.state()],
      ["running", "frozen", "running"],
    );
  });
});
