import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, listAt, textAt } from "../api/json.ts";
import { isoTime } from "../api/resource/iso-time.ts";
import {
  aModel,
  COMPUTE,
  diskBody,
  listBody,
  type ModelFixture,
  START_MS,
} from "../testing/model-fixture.ts";

const VIEW = "virtualMachines/node-a/instanceView";
const MINUTE_MS = 60_000;

function statuses(azure: ModelFixture, path = VIEW): readonly (readonly [string, unknown])[] {
  const view = azure.send("GET", path).body;
  const disks = (listAt(view, "disks") ?? []).slice(1).flatMap((disk) => listAt(disk, "statuses") ?? []);
  return [...(listAt(view, "statuses") ?? []), ...disks].map((status: Json) => [
    textAt(status, "code") ?? "",
    at(status, "time"),
  ]);
}

describe("an instance view's provisioning state", () => {
  it("has the time at which it was reached, and none while it is in progress", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    azure.advance(MINUTE_MS);
    const running = ["PowerState/running", undefined] as const;
    const made = [["ProvisioningState/succeeded", isoTime(START_MS)], running];
    assert.deepEqual(statuses(azure), made);
    azure.send("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    assert.deepEqual(statuses(azure).slice(0, 2), [["ProvisioningState/updating", undefined], running]);
    azure.settle();
    const attached = ["ProvisioningState/succeeded", isoTime(azure.nowMs())] as const;
    azure.advance(MINUTE_MS);
    assert.deepEqual(statuses(azure), [attached, running, attached]);
  });

  it("of a VM whose provisioning fails has the time of that", () => {
    const azure = aModel();
    azure.advance(MINUTE_MS);
    const failedAt = isoTime(azure.nowMs());
    azure.model.handle({
      method: "POST",
      path: "/emulator/v1/virtualMachineEvents",
      body: {
        vmId: textAt(azure.send("GET", "virtualMachines/node-a").body, "id") ?? "",
        event: "ProvisioningFailure",
      },
    });
    azure.advance(MINUTE_MS);
    assert.deepEqual(statuses(azure)[0], ["ProvisioningState/failed", failedAt]);
  });

  it("of a scale set has the time of its last write", () => {
    const azure = aModel();
    const path = "virtualMachineScaleSets/pool";
    azure.finish("PUT", path, {
      location: "eastus",
      sku: { name: "Standard_D2s_v5", capacity: 1 },
      properties: { virtualMachineProfile: {} },
    });
    const madeAt = isoTime(azure.nowMs());
    azure.advance(MINUTE_MS);
    assert.deepEqual(statuses(azure, `${path}/instanceView`), [["ProvisioningState/succeeded", madeAt]]);
  });
});

describe("an instance view's domains", () => {
  const domains = (azure: ModelFixture, name: string): readonly unknown[] =>
    ["platformFaultDomain", "platformUpdateDomain"].map((member) =>
      at(azure.send("GET", `virtualMachines/${name}/instanceView`).body, member),
    );

  it("are those of an availability set, of which a new VM takes the place that is free", () => {
    const azure = aModel({ virtualMachines: [] });
    const availabilitySet = { id: `${COMPUTE}/availabilitySets/set` };
    const make = (name: string): void =>
      void azure.finish("PUT", `virtualMachines/${name}`, {
        location: "eastus",
        properties: { networkProfile: {}, availabilitySet },
      });
    azure.send("PUT", "availabilitySets/set", {
      location: "eastus",
      properties: { platformFaultDomainCount: 2, platformUpdateDomainCount: 5 },
    });
    for (const name of ["a", "b", "c"]) make(name);
    azure.finish("DELETE", "virtualMachines/b");
    make("d");
    assert.deepEqual(
      ["a", "c", "d"].map((name) => domains(azure, name)),
      [
        [0, 0],
        [0, 2],
        [1, 1],
      ],
    );
  });

  it("are none in a zone, and fault domains only in a flexible scale set", () => {
    const azure = aModel();
    assert.deepEqual(domains(azure, "node-a"), [undefined, undefined]);
    azure.finish("PUT", "virtualMachineScaleSets/flex", {
      location: "eastus",
      sku: { name: "Standard_D8s_v5", capacity: 3 },
      properties: { orchestrationMode: "Flexible", platformFaultDomainCount: 2, virtualMachineProfile: {} },
    });
    const names = (listAt(azure.send("GET", "virtualMachines").body, "value") ?? [])
      .map((vm) => textAt(vm, "name") ?? "")
      .filter((name) => name.startsWith("flex_"));
    assert.deepEqual(names.map((name) => JSON.stringify(domains(azure, name))).toSorted(), [
      "[0,null]",
      "[0,null]",
      "[1,null]",
    ]);
  });

  it("of a flexible scale set are taken again once their VM is gone", () => {
    const azure = aModel({ virtualMachines: [] });
    const scaled = (capacity: number): readonly string[] => {
      azure.finish("PUT", "virtualMachineScaleSets/flex", {
        location: "eastus",
        sku: { name: "Standard_D8s_v5", capacity },
        properties: { orchestrationMode: "Flexible", platformFaultDomainCount: 3, virtualMachineProfile: {} },
      });
      const vms = listAt(azure.send("GET", "virtualMachines").body, "value") ?? [];
      return vms.map((vm) => textAt(vm, "name") ?? "");
    };
    const [first = ""] = scaled(3);
    azure.finish("DELETE", `virtualMachines/${first}`);
    const names = scaled(4);
    const taken = names.map((name) => String(domains(azure, name)[0])).toSorted();
    assert.deepEqual(taken, ["0", "0", "1", "2"]);
  });
});
