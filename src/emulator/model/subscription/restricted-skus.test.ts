import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, listAt, textAt } from "../api/json.ts";
import { parseSettings } from "../settings.ts";
import { aModel, codeOf, diskBody, type ModelFixture } from "../testing/model-fixture.ts";

function restrictionsOf(azure: ModelFixture, name: string, location: string): Json | undefined {
  const path = `/subscriptions/sub-1/providers/Microsoft.Compute/skus?$filter=location eq '${location}'`;
  const listed = listAt(azure.send("GET", path).body, "value") ?? [];
  return at(
    listed.find((sku) => textAt(sku, "name") === name),
    "restrictions",
  );
}

const vmIn = (zone: string): Json => ({
  location: "eastus",
  zones: [zone],
  properties: { hardwareProfile: { vmSize: "Standard_D8s_v5" }, networkProfile: {} },
});

describe("a restricted SKU", () => {
  it("is listed with its restriction, in the region or in zones", () => {
    const restrictedSkus = [
      { name: "Standard_D8s_v5", location: "East US", zones: ["2"] },
      { name: "PremiumV2_LRS" },
    ];
    const azure = aModel({ settings: { restrictedSkus } });
    const reasonCode = "NotAvailableForSubscription";
    assert.deepEqual(restrictionsOf(azure, "Standard_D8s_v5", "eastus"), [
      {
        type: "Zone",
        values: ["eastus"],
        restrictionInfo: { locations: ["eastus"], zones: ["2"] },
        reasonCode,
      },
    ]);
    assert.deepEqual(restrictionsOf(azure, "Standard_D8s_v5", "westus"), []);
    assert.deepEqual(restrictionsOf(azure, "PremiumV2_LRS", "westus"), [
      { type: "Location", values: ["westus"], restrictionInfo: { locations: ["westus"] }, reasonCode },
    ]);
  });

  it("can't be had where it is restricted", () => {
    const restrictedSkus = [
      { name: "Standard_D8s_v5", zones: ["2"] },
      { name: "PremiumV2_LRS", location: "eastus" },
    ];
    const azure = aModel({ settings: { restrictedSkus } });
    const refused = azure.send("PUT", "virtualMachines/new", vmIn("2"));
    assert.deepEqual([refused.status, codeOf(refused.body)], [409, "SkuNotAvailable"]);
    // As users of az and Terraform have reported it since 2024.
    assert.match(
      textAt(refused.body, "error", "message") ?? "",
      /for Capacity Restrictions: Standard_D8s_v5' is currently not available in location 'eastus'\./,
    );
    assert.equal(azure.send("PUT", "virtualMachines/new", vmIn("1")).status, 201);
    const set = { location: "eastus", zones: ["2"], sku: { name: "Standard_D8s_v5", capacity: 1 } };
    assert.equal(codeOf(azure.send("PUT", "virtualMachineScaleSets/pool", set).body), "SkuNotAvailable");
    const disk = azure.send("PUT", "disks/pvc-1", diskBody({ sku: "PremiumV2_LRS" }));
    assert.deepEqual([disk.status, codeOf(disk.body)], [409, "SkuNotAvailable"]);
    assert.equal(azure.send("PUT", "disks/pvc-1", diskBody()).status, 202);
  });

  it("stays what existing VMs have, which others can't be resized to", () => {
    const restrictedSkus = [{ name: "Standard_D8s_v5" }];
    const azure = aModel({
      settings: { restrictedSkus },
      virtualMachines: [{ name: "node-a" }, { name: "node-b", size: "Standard_D4s_v5" }],
    });
    assert.equal(azure.send("PATCH", "virtualMachines/node-a", { tags: { a: "b" } }).status, 200);
    const resize = { properties: { hardwareProfile: { vmSize: "Standard_D8s_v5" } } };
    assert.equal(codeOf(azure.send("PATCH", "virtualMachines/node-b", resize).body), "SkuNotAvailable");
  });

  it("is read from settings, whose mistakes are named", () => {
    const restrictedSkus = [{ name: "a", zones: ["1"] }];
    assert.deepEqual(parseSettings({ restrictedSkus }), { ok: true, value: { restrictedSkus } });
    for (const wrong of ["a", [{ location: "eastus" }], [{ name: "a", zones: "1" }]])
      assert.match(JSON.stringify(parseSettings({ restrictedSkus: wrong })), /'restrictedSkus[^']*' is /);
  });
});
