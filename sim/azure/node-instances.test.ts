import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createNodeInstances } from "./node-instances.ts";
import { BYSTANDER } from "./strangers.ts";
import { azurePlace, type InstanceKind, instanceUriOf } from "./vm-names.ts";

const RESOURCES = `/subscriptions/${azurePlace.subscriptionId}/resourceGroups/rg/providers/Microsoft.Compute`;
const kinds: Readonly<Record<string, InstanceKind>> = {
  "node-a": "vm",
  "node-b": "uniform",
  "node-c": "flex",
};
const instances = () => createNodeInstances(undefined, (nodeName) => kinds[nodeName] ?? "uniform");

describe("the VMs of a cluster's nodes", () => {
  it("are VMs of their own, or instances of the scale sets of their kinds", () => {
    const { uriOf } = instances();
    assert.deepEqual(["node-a", "node-b", "node-c", "node-d"].map(uriOf), [
      `${RESOURCES}/virtualMachines/flex_node-a`,
      `${RESOURCES}/virtualMachineScaleSets/flex-vmss/virtualMachines/9`,
      `${RESOURCES}/virtualMachines/flex_node-c`,
      `${RESOURCES}/virtualMachineScaleSets/flex-vmss/virtualMachines/10`,
    ]);
  });

  it("are found by either spelling of an instance id, until their name moves", () => {
    const { uriOf, nodeNameAt, moveName } = instances();
    const uri = uriOf("node-b");
    const ofDisks = uri.replace(/\/9$/u, "/flex-vmss_9");
    assert.deepEqual([uri, ofDisks, ofDisks.toUpperCase()].map(nodeNameAt), ["node-b", "node-b", "node-b"]);
    moveName("node-b");
    assert.deepEqual([uri, ofDisks, uriOf("node-b")].map(nodeNameAt), [undefined, undefined, "node-b"]);
  });

  it("are none of the strangers' VMs, which are VMs of their own in every cluster", () => {
    const { uriOf, nodeNameAt } = createNodeInstances("second", () => "uniform");
    assert.equal(uriOf(BYSTANDER), instanceUriOf(BYSTANDER));
    assert.deepEqual([instanceUriOf(BYSTANDER), instanceUriOf("node-a")].map(nodeNameAt), [
      BYSTANDER,
      undefined,
    ]);
  });
});
