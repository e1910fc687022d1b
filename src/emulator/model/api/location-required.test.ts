import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aModel, codeOf, COMPUTE, diskBody } from "../testing/model-fixture.ts";

describe("a PUT without a location", () => {
  const azure = aModel();
  azure.finish("PUT", "disks/old", diskBody());
  azure.finish("PUT", "availabilitySets/old", { location: "eastus" });
  const creationData = { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/old` };
  azure.finish("PUT", "snapshots/old", { location: "eastus", properties: { creationData } });
  azure.finish("PUT", "virtualMachineScaleSets/old", { location: "eastus" });
  for (const path of [
    "disks/new",
    "disks/old",
    "snapshots/new",
    "snapshots/old",
    "availabilitySets/new",
    "availabilitySets/old",
    "virtualMachineScaleSets/new",
    "virtualMachineScaleSets/old",
    "virtualMachines/new",
    "virtualMachines/node-a",
  ]) {
    it(`is refused at ${path}`, () => {
      const refused = azure.send("PUT", path, { tags: { changed: "yes" } });
      assert.deepEqual([refused.status, codeOf(refused.body)], [400, "LocationRequired"]);
    });
  }

  it("is accepted at an instance of a scale set, which has none of its own", () => {
    const { status, body } = azure.send("PUT", "virtualMachineScaleSets/old/virtualMachines/0", {});
    assert.deepEqual([status, codeOf(body)], [400, "InvalidParameter"]);
  });
});
