import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, listAt, textAt } from "../api/json.ts";
import { isoTime } from "../api/resource/iso-time.ts";
import { aModel, diskBody, listBody, type ModelFixture, START_MS } from "../testing/model-fixture.ts";

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
