import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { listAt, textAt } from "../api/json.ts";
import type { ModelSettings } from "../settings.ts";
import { aModel } from "../testing/model-fixture.ts";

const POOL = "virtualMachineScaleSets/pool";

/** The instance ids and vmIds after three instances, without the middle one, and with two more. */
function idsAfterChange(instanceIds: ModelSettings["instanceIds"]): {
  readonly ids: readonly unknown[];
  readonly isAnotherVm: boolean;
} {
  const azure = aModel({ virtualMachines: [], settings: { instanceIds } });
  const scaleTo = (capacity: number): void => {
    azure.finish("PUT", POOL, { location: "eastus", sku: { name: "Standard_D8s_v5", capacity } });
  };
  const vmIdOf = (id: string): string | undefined =>
    textAt(azure.send("GET", `${POOL}/virtualMachines/${id}`).body, "properties", "vmId");
  scaleTo(3);
  const before = vmIdOf("1");
  azure.finish("POST", `${POOL}/delete`, { instanceIds: ["1"] });
  scaleTo(4);
  const instances = listAt(azure.send("GET", `${POOL}/virtualMachines`).body, "value") ?? [];
  return {
    ids: instances.map((vm) => textAt(vm, "instanceId")),
    isAnotherVm: vmIdOf("1") !== before,
  };
}

describe("ids of new instances", () => {
  it("were never used before", () => {
    assert.deepEqual(idsAfterChange("grow").ids, ["0", "2", "3", "4"]);
  });

  // A driver that knows a node by its instance id alone takes one VM for the other.
  it("come back with another VM where the setting says so", () => {
    assert.deepEqual(idsAfterChange("reuse"), { ids: ["0", "1", "2", "3"], isAnotherVm: true });
  });
});
