import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at } from "../../../src/emulator/model/api/json.ts";
import { createComputeModel } from "../../../src/emulator/model/compute-model.ts";
import { parseScenario } from "../../../src/emulator/scenario.ts";
import { guestNameAt, vmIdAt, vmPlace } from "../cluster/vm-place.ts";
import { labSettings } from "../lab-options.ts";
import { azureScenario } from "./azure-scenario.ts";

const PROVIDER = "providers/Microsoft.Compute";
const SUBSCRIPTION = "/subscriptions/00000000-0000-4000-8000-000000000001";

describe("the Azure with which a lab begins", () => {
  const settings = labSettings({ nodes: ["uniform", "flex", "vm", "uniform", "avset"] });
  const scenario = parseScenario(JSON.stringify(azureScenario(settings)));
  assert.ok(scenario.ok, scenario.ok ? "" : scenario.reason);
  const { world } = createComputeModel({ clock: { nowMs: () => 0 }, ...scenario.value });

  it("has each kind of VM in a resource group of its own, disks in that of single VMs", () => {
    assert.deepEqual(
      settings.vms.map((vm, index) => vmIdAt(vmPlace(vm, index))),
      [
        `${SUBSCRIPTION}/resourceGroups/lab-uniform/${PROVIDER}/virtualMachineScaleSets/aks-uniform-vmss/virtualMachines/0`,
        `${SUBSCRIPTION}/resourceGroups/lab-flex/${PROVIDER}/virtualMachines/aks-flex-vmss_00000001`,
        `${SUBSCRIPTION}/resourceGroups/lab/${PROVIDER}/virtualMachines/vm_node-c`,
        `${SUBSCRIPTION}/resourceGroups/lab-uniform/${PROVIDER}/virtualMachineScaleSets/aks-uniform-vmss/virtualMachines/3`,
        `${SUBSCRIPTION}/resourceGroups/lab-avset/${PROVIDER}/virtualMachines/vm_node-e`,
      ],
    );
    assert.deepEqual(
      [...world.resourceGroups.values()].map(({ name }) => name),
      ["lab", "lab-uniform", "lab-flex", "lab-avset"],
    );
  });

  it("has VMs under the ids, device folders and host names that their nodes use", () => {
    const place = (index: number) => vmPlace(settings.vms[index] ?? assert.fail("no such node"), index);
    assert.deepEqual(
      [...world.virtualMachines.values()].map(({ id, name, other, availabilitySetId, zones }) => [
        id,
        name,
        {
          osProfile: { computerName: at(other, "osProfile", "computerName") },
          ...(other["virtualMachineScaleSet"] === undefined
            ? {}
            : { virtualMachineScaleSet: other["virtualMachineScaleSet"] }),
        },
        availabilitySetId,
        zones,
      ]),
      settings.vms.map(({ name, zone, kind }, index) => [
        vmIdAt(place(index)),
        guestNameAt(place(index)),
        {
          osProfile: { computerName: name },
          ...(kind === "flex"
            ? {
                virtualMachineScaleSet: {
                  id: `${SUBSCRIPTION}/resourceGroups/lab-flex/${PROVIDER}/virtualMachineScaleSets/aks-flex-vmss`,
                },
              }
            : {}),
        },
        kind === "avset"
          ? `${SUBSCRIPTION}/resourceGroups/lab-avset/${PROVIDER}/availabilitySets/aks-avset`
          : undefined,
        zone === undefined ? [] : [zone],
      ]),
    );
  });

  it("has no scale sets for nodes that are VMs of their own", () => {
    const plain = azureScenario(labSettings({ nodes: 2 })) as { readonly scaleSets: readonly unknown[] };
    assert.deepEqual(plain.scaleSets, []);
  });
});
