import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NodeInstances } from "./node-instances.ts";
import { nodeNameOf, resolveNode } from "./resolve-node.ts";

const place = { subscriptionId: "Sub-1", resourceGroup: "rg", location: "eastus" };
const uri = (name: string, resourceGroup = "rg", subscriptionId = "sub-1"): string =>
  `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute/virtualMachines/${name}`;

describe("a node's VM", () => {
  it("is the one that its providerID names, in whatever resource group and case", () => {
    const nodes = new NodeInstances();
    nodes.tell("node-a", `azure://${uri("aks-VM-7", "MC_nodes")}`);
    const resolved = resolveNode({ place, nodes }, "node-a");
    assert.ok(resolved.ok);
    assert.deepEqual([resolved.value.resourceGroup, resolved.value.name], ["MC_nodes", "aks-VM-7"]);
    assert.equal(nodeNameOf({ place, nodes }, uri("AKS-vm-7", "mc_NODES", "SUB-1")), "node-a");
  });

  it("is the one of its name in the cluster's resource group where nobody told", () => {
    const sources = { place, nodes: new NodeInstances() };
    const resolved = resolveNode(sources, "node-a");
    assert.ok(resolved.ok);
    assert.equal(resolved.value.key, uri("node-a").toLowerCase());
    assert.equal(nodeNameOf(sources, uri("NODE-A", "RG")), "node-a");
    assert.equal(nodeNameOf(sources, uri("node-a", "another")), undefined);
  });

  for (const { providerId, kind, because } of [
    { providerId: `azure://${uri("vm", "rg", "sub-2")}`, kind: "InvalidArgument", because: "another subscription" },
    { providerId: "aws:///us-east-1a/i-0123", kind: "InvalidArgument", because: "another cloud" },
    {
      providerId: "azure:///subscriptions/sub-1/resourceGroups/rg/providers/Microsoft.Compute/virtualMachineScaleSets/pool/virtualMachines/0",
      kind: "Unsupported",
      because: "an instance of a scale set",
    },
  ]) {
    it(`is none where the providerID names ${because}`, () => {
      const nodes = new NodeInstances();
      nodes.tell("node-a", providerId);
      const resolved = resolveNode({ place, nodes }, "node-a");
      assert.ok(!resolved.ok);
      assert.equal(resolved.failure.kind, kind);
      assert.match(JSON.stringify(resolved.failure), /node-a/);
    });
  }

  it("is another one once told so, and the old VM is no node any more", () => {
    const nodes = new NodeInstances();
    nodes.tell("node-a", `azure://${uri("vm-1", "other")}`);
    nodes.tell("node-a", `azure://${uri("vm-2", "other")}`);
    assert.equal(nodeNameOf({ place, nodes }, uri("vm-1", "other")), undefined);
    assert.equal(nodeNameOf({ place, nodes }, uri("vm-2", "other")), "node-a");
    nodes.forget("node-a");
    assert.equal(nodes.providerIdOf("node-a"), undefined);
  });

  it("is remembered for a bounded number of nodes", () => {
    const nodes = new NodeInstances();
    for (let node = 0; node < 10_001; node++) nodes.tell(`node-${node}`, `azure://${uri(`vm-${node}`)}`);
    assert.equal(nodes.providerIdOf("node-0"), undefined);
    assert.equal(nodes.providerIdOf("node-10000"), `azure://${uri("vm-10000")}`);
  });
});
