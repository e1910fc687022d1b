import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { addVirtualMachine } from "../set-up.ts";
import { COMPUTE, aModel } from "../testing/model-fixture.ts";

const PLACE = { subscriptionId: "sub-1", resourceGroup: "rg", location: "eastus" };
const POOL = { ...PLACE, name: "pool", capacity: 0 };
const FLEX = { ...PLACE, name: "flex", capacity: 0, orchestrationMode: "Flexible" } as const;

describe("instances that a scenario puts into a scale set", () => {
  it("are found by instance id in a uniform set, and as VMs that name a flexible one", () => {
    const { model, send } = aModel({
      scaleSets: [POOL, FLEX],
      virtualMachines: [
        { name: "7", scaleSet: "pool", computerName: "node-a" },
        { name: "flex_0000000b", scaleSet: "flex", computerName: "node-b" },
      ],
    });
    assert.deepEqual(
      [...model.world.virtualMachines.values()].map(({ id, name }) => [id, name]),
      [
        [`${COMPUTE}/virtualMachineScaleSets/pool/virtualMachines/7`, "pool_7"],
        [`${COMPUTE}/virtualMachines/flex_0000000b`, "flex_0000000b"],
      ],
    );
    const { body } = send("GET", "virtualMachines/flex_0000000b");
    assert.deepEqual(
      (body as { readonly properties: { readonly virtualMachineScaleSet: unknown } }).properties
        .virtualMachineScaleSet,
      { id: `${COMPUTE}/virtualMachineScaleSets/flex` },
    );
  });

  it("have siblings of an availability set, which lists them and takes none in a zone", () => {
    const { model, send } = aModel({ virtualMachines: [] });
    for (const [name, availabilitySet] of [
      ["vm-a", "set"],
      ["vm-b", "Set"],
    ] as const)
      addVirtualMachine(model.world, { ...PLACE, name, availabilitySet });
    const { body } = send("GET", "availabilitySets/set");
    assert.deepEqual((body as { readonly properties: object }).properties, {
      platformFaultDomainCount: 2,
      platformUpdateDomainCount: 5,
      virtualMachines: ["vm-a", "vm-b"].map((name) => ({ id: `${COMPUTE}/virtualMachines/${name}` })),
    });
    const zonal = addVirtualMachine(model.world, {
      ...PLACE,
      name: "vm-c",
      availabilitySet: "set",
      zone: "1",
    });
    assert.equal("code" in zonal && zonal.code, "InvalidParameter");
    assert.equal(model.world.virtualMachines.size, 2);
  });

  it("keep their ids when the set makes further ones", () => {
    const { finish, send } = aModel({
      scaleSets: [POOL],
      virtualMachines: [{ name: "7", scaleSet: "pool", computerName: "node-a" }],
    });
    const before = send("GET", "virtualMachineScaleSets/pool/virtualMachines/7").body;
    finish("PATCH", "virtualMachineScaleSets/pool", { sku: { capacity: 2 } });
    const { body } = send("GET", "virtualMachineScaleSets/pool/virtualMachines");
    assert.deepEqual(
      (body as { readonly value: readonly { readonly instanceId: string }[] }).value.map(
        ({ instanceId }) => instanceId,
      ),
      ["7", "8"],
    );
    assert.deepEqual(send("GET", "virtualMachineScaleSets/pool/virtualMachines/7").body, before);
  });

  it("are refused with an instance id that is no number", () => {
    const { model } = aModel({ scaleSets: [POOL], virtualMachines: [] });
    const added = addVirtualMachine(model.world, { ...PLACE, name: "pool_7", scaleSet: "pool" });
    assert.match(added.kind === "Failure" ? added.message : "", /is a number, not 'pool_7'/);
  });
});
