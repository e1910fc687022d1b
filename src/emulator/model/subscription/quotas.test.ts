import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Json, listAt, numberAt, textAt } from "../api/json.ts";
import { parseSettings } from "../settings.ts";
import { aModel, codeOf, COMPUTE, diskBody, type ModelFixture } from "../testing/model-fixture.ts";

const SUBSCRIPTION = "/subscriptions/sub-1";

/** A usage as its current value and its limit. */
function usage(azure: ModelFixture, name: string, location = "eastus"): readonly unknown[] {
  const path = `${SUBSCRIPTION}/providers/Microsoft.Compute/locations/${location}/usages`;
  const listed = listAt(azure.send("GET", path).body, "value") ?? [];
  const found = listed.find((each) => textAt(each, "name", "value") === name);
  return [numberAt(found, "currentValue"), numberAt(found, "limit")];
}

const snapshotOf = (disk: string): Json => ({
  location: "eastus",
  properties: {
    creationData: { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/${disk}` },
    incremental: true,
  },
});

describe("quotas", () => {
  it("show what a subscription has in a region, and what it may have", () => {
    const azure = aModel({ settings: { osDisks: false, quotas: { PremiumDiskCount: 7 } } });
    azure.finish("PUT", "disks/pvc-1", diskBody());
    azure.finish("PUT", "disks/pvc-2", diskBody({ sku: "PremiumV2_LRS" }));
    azure.finish("PUT", "snapshots/s", snapshotOf("pvc-1"));
    const names = ["PremiumDiskCount", "PremiumV2DiskCount", "ZRSSnapshotCount", "virtualMachines", "cores"];
    assert.deepEqual(
      names.map((name) => usage(azure, name)),
      [
        [1, 7],
        [1, 1000],
        [1, 75_000],
        [2, 25_000],
        [16, 350],
      ],
    );
    assert.deepEqual(usage(azure, "PremiumDiskCount", "westus"), [0, 7], "each region has its own");
  });

  it("refuse a disk beyond them until one is deleted, and no other SKU", () => {
    const azure = aModel({ settings: { osDisks: false, quotas: { PremiumDiskCount: 1 } } });
    azure.finish("PUT", "disks/pvc-1", diskBody());
    const refused = azure.send("PUT", "disks/pvc-2", diskBody());
    assert.deepEqual([refused.status, codeOf(refused.body)], [409, "OperationNotAllowed"]);
    assert.match(
      textAt(refused.body, "error", "message") ?? "",
      /exceeding approved PremiumDiskCount quota\..* Location: eastus, Current Limit: 1, Current Usage: 1,/,
    );
    assert.equal(azure.send("GET", "disks/pvc-2").status, 404);
    assert.equal(azure.send("PUT", "disks/pvc-3", diskBody({ sku: "StandardSSD_LRS" })).status, 202);
    assert.equal(azure.send("PATCH", "disks/pvc-1", { tags: { a: "b" } }).status, 202, "changes are free");
    azure.settle();
    azure.finish("DELETE", "disks/pvc-1");
    assert.equal(azure.send("PUT", "disks/pvc-2", diskBody()).status, 202);
  });

  it("refuse a snapshot beyond them", () => {
    const azure = aModel({ settings: { quotas: { ZRSSnapshotCount: 0 } } });
    azure.finish("PUT", "disks/pvc-1", diskBody());
    const refused = azure.send("PUT", "snapshots/s", snapshotOf("pvc-1"));
    assert.deepEqual([refused.status, codeOf(refused.body)], [409, "OperationNotAllowed"]);
  });

  const vmBody = (vmSize = "Standard_D8s_v5"): Json => ({
    location: "eastus",
    properties: { hardwareProfile: { vmSize }, networkProfile: {} },
  });
  const set = (capacity: number): Json => ({
    location: "eastus",
    sku: { name: "Standard_D8s_v5", capacity },
  });

  // Both VMs of the model have 8 cores.
  for (const { because, quotas, path, body } of [
    { because: "a VM", quotas: { virtualMachines: 2 }, path: "virtualMachines/new", body: vmBody() },
    { because: "its cores", quotas: { cores: 23 }, path: "virtualMachines/new", body: vmBody() },
    {
      because: "instances",
      quotas: { virtualMachines: 3 },
      path: "virtualMachineScaleSets/s",
      body: set(2),
    },
    { because: "their cores", quotas: { cores: 31 }, path: "virtualMachineScaleSets/s", body: set(2) },
    {
      because: "a scale set",
      quotas: { virtualMachineScaleSets: 0 },
      path: "virtualMachineScaleSets/s",
      body: set(0),
    },
    {
      because: "an availability set",
      quotas: { availabilitySets: 0 },
      path: "availabilitySets/s",
      body: { location: "eastus" },
    },
  ])
    it(`refuse ${because} beyond them, and make what they allow`, () => {
      const refused = aModel({ settings: { quotas } }).send("PUT", path, body);
      assert.deepEqual([refused.status, codeOf(refused.body)], [409, "OperationNotAllowed"]);
      const grown = Object.fromEntries(Object.entries(quotas).map(([name, limit]) => [name, limit + 1]));
      const azure = aModel({ settings: { quotas: grown } });
      assert.ok(azure.send("PUT", path, body).status < 300);
      azure.settle();
      assert.ok(azure.send("PUT", path, body).status < 300, "what exists already counts once");
    });

  it("refuse the cores of a larger size, and of a VM that starts", () => {
    const azure = aModel({ settings: { quotas: { cores: 16 } } });
    const larger = { properties: { hardwareProfile: { vmSize: "Standard_D16s_v5" } } };
    const refused = azure.send("PATCH", "virtualMachines/node-a", larger);
    assert.deepEqual([refused.status, codeOf(refused.body)], [409, "OperationNotAllowed"]);
    assert.match(
      textAt(refused.body, "error", "message") ?? "",
      /exceeding approved Total Regional Cores quota\..* Current Limit: 16, Current Usage: 16, Additional Required: 8, \(Minimum\) New Limit Required: 24\./,
    );
    azure.finish("POST", "virtualMachines/node-a/deallocate");
    azure.finish("PATCH", "virtualMachines/node-a", larger);
    const started = azure.send("POST", "virtualMachines/node-a/start");
    assert.deepEqual([started.status, codeOf(started.body)], [409, "OperationNotAllowed"]);
    azure.finish("POST", "virtualMachines/node-b/deallocate");
    assert.equal(azure.send("POST", "virtualMachines/node-a/start").status, 202);
  });

  it("of cores bind only where the setting names them, since what Azure grants differs", () => {
    const azure = aModel();
    assert.equal(azure.send("PUT", "virtualMachineScaleSets/s", set(60)).status, 201);
  });

  it("are read from settings, whose mistakes are named", () => {
    const quotas = { PremiumDiskCount: 0 };
    assert.deepEqual(parseSettings({ quotas }), { ok: true, value: { quotas } });
    for (const [wrong, reason] of [
      [[], "'quotas' is an object"],
      [{ DiskCount: 1 }, "'quotas.DiskCount' is not a member"],
      [{ PremiumDiskCount: -1 }, "'quotas.PremiumDiskCount' is a whole number from 0"],
    ] as const)
      assert.ok(JSON.stringify(parseSettings({ quotas: wrong })).includes(reason), reason);
  });
});
