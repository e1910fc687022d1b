import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, listAt, textAt } from "../api/json.ts";
import { aModel, COMPUTE, diskBody, listBody, type ModelFixture } from "../testing/model-fixture.ts";

const SUBSCRIPTION = "/subscriptions/sub-1";

function skusIn(azure: ModelFixture, location: string): readonly Json[] {
  const path = `${SUBSCRIPTION}/providers/Microsoft.Compute/skus?$filter=location eq '${location}'`;
  return listAt(azure.send("GET", path).body, "value") ?? [];
}

function zonesOf(azure: ModelFixture, name: string, location: string): Json | undefined {
  const sku = skusIn(azure, location).find((each) => textAt(each, "name") === name);
  return at(listAt(sku, "locationInfo")?.[0], "zones");
}

function refusal(azure: ModelFixture, path: string, body: Json): unknown {
  const answer = azure.send("PUT", path, body);
  return [answer.status, ...["code", "message"].map((member) => textAt(answer.body, "error", member))];
}

const disk = (location: string, sku: string, zone?: string): Json => {
  const { zones: _, ...body } = diskBody({ sku }) as Record<string, Json>;
  return { ...body, location, ...(zone === undefined ? {} : { zones: [zone] }) };
};

const vm = (location: string, zone: string): Json => ({
  location,
  zones: [zone],
  properties: { hardwareProfile: { vmSize: "Standard_D8s_v5" }, networkProfile: {} },
});

describe("a region without availability zones", () => {
  // The text is recorded of a VM (an issue of Tanzu's about koreacentral, which had no zones then).
  it("takes no VM, scale set or disk in a zone", () => {
    const azure = aModel();
    const refused = (type: string, name: string): unknown => [
      400,
      "InvalidAvailabilityZone",
      `The zone(s) '1' for resource 'Microsoft.Compute/${type}/${name}' is not supported. The supported ` +
        "zones for location 'westus' are ''",
    ];
    assert.deepEqual(refusal(azure, "virtualMachines/v", vm("westus", "1")), refused("virtualMachines", "v"));
    assert.deepEqual(refusal(azure, "disks/d", disk("westus", "Premium_LRS", "1")), refused("disks", "d"));
    const set = { location: "westus", zones: ["1"], sku: { name: "Standard_D8s_v5", capacity: 0 } };
    assert.deepEqual(
      refusal(azure, "virtualMachineScaleSets/s", set),
      refused("virtualMachineScaleSets", "s"),
    );
  });

  it("has no zone-redundant disks", () => {
    const azure = aModel();
    assert.deepEqual(refusal(azure, "disks/d", disk("westus", "Premium_ZRS")), [
      400,
      "InvalidParameter",
      "SKU Premium_ZRS is not supported for resource type Disk in this region. Supported SKUs for this " +
        "region are Standard_LRS,StandardSSD_LRS,Premium_LRS,PremiumV2_LRS,UltraSSD_LRS",
    ]);
    assert.equal(azure.send("PUT", "disks/d", disk("westus", "Premium_LRS")).status, 202);
  });

  // Learn, Incremental snapshots: zone-redundant storage by default, in regions that have it.
  it("keeps snapshots on storage that is not zone-redundant", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/d", disk("westus", "Premium_LRS"));
    const creationData = { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/d` };
    const body = { location: "westus", properties: { creationData, incremental: true } };
    azure.finish("PUT", "snapshots/s", body);
    assert.equal(textAt(azure.send("GET", "snapshots/s").body, "sku", "name"), "Standard_LRS");
    assert.deepEqual(refusal(azure, "snapshots/zrs", { ...body, sku: { name: "Standard_ZRS" } }), [
      400,
      "InvalidParameter",
      "SKU Standard_ZRS is not supported for resource type IncrementalSnapshot in this region. Supported " +
        "SKUs for this region are Standard_LRS",
    ]);
  });

  it("is listed without zones, by the subscription, the provider and its SKUs", () => {
    const azure = aModel();
    const named = (name: string): Json | undefined =>
      listAt(azure.send("GET", `${SUBSCRIPTION}/locations`).body, "value")?.find(
        (region) => textAt(region, "name") === name,
      );
    assert.deepEqual(named("westus"), {
      id: `${SUBSCRIPTION}/locations/westus`,
      name: "westus",
      type: "Region",
      displayName: "West US",
      regionalDisplayName: "(US) West US",
      metadata: {
        regionType: "Physical",
        regionCategory: "Other",
        geographyGroup: "US",
        pairedRegion: [{ name: "eastus", id: `${SUBSCRIPTION}/locations/eastus` }],
      },
    });
    assert.equal(listAt(named("eastus"), "availabilityZoneMappings")?.length, 3);
    assert.equal(textAt(named("eastus"), "metadata", "regionCategory"), "Recommended");
    const provider = azure.send("GET", `${SUBSCRIPTION}/providers/Microsoft.Compute`).body;
    const mappings = (type: string): readonly Json[] | undefined =>
      listAt(
        listAt(provider, "resourceTypes")?.find((each) => textAt(each, "resourceType") === type),
        "zoneMappings",
      );
    assert.deepEqual(
      mappings("disks")?.find((each) => textAt(each, "location") === "East US"),
      { location: "East US", zones: ["1", "2", "3"] },
    );
    assert.equal(
      mappings("disks")?.some((each) => textAt(each, "location") === "West US"),
      false,
    );
    assert.equal(mappings("availabilitySets"), undefined);
    assert.deepEqual(zonesOf(azure, "Standard_D8s_v5", "westus"), []);
    assert.deepEqual(zonesOf(azure, "Standard_D8s_v5", "eastus"), ["1", "2", "3"]);
    assert.equal(zonesOf(azure, "Premium_ZRS", "westus"), undefined);
  });

  it("has Premium SSD v2 and Ultra disks for VMs without a zone", () => {
    const azure = aModel({ virtualMachines: [] });
    const attach = (name: string): number => {
      const location = { west: "westus", nonzonal: "swedencentral", east: "eastus" }[name] ?? "";
      const { zones: _, ...nonzonal } = vm(location, "1") as Record<string, Json>;
      azure.finish("PUT", `virtualMachines/${name}`, nonzonal);
      azure.finish("PUT", `disks/${name}`, disk(location, "PremiumV2_LRS"));
      return azure.send("PATCH", `virtualMachines/${name}`, listBody({ 0: name })).status;
    };
    assert.deepEqual(["west", "nonzonal", "east"].map(attach), [200, 200, 400]);
    const size = skusIn(azure, "westus").find((sku) => textAt(sku, "name") === "Standard_D8s_v5");
    assert.ok(
      listAt(size, "capabilities")?.some(
        (each) => textAt(each, "name") === "UltraSSDAvailable" && textAt(each, "value") === "True",
      ),
    );
    assert.deepEqual(listAt(size, "locationInfo")?.[0], { location: "westus", zones: [], zoneDetails: [] });
  });
});

describe("a SKU of disks", () => {
  // As in azuredisk-csi-driver's recorded `skus-sample.json`.
  it("with performance of its own has the size and limits that Azure lists", () => {
    const skus = skusIn(aModel(), "eastus");
    const named = (name: string): Json | undefined => skus.find((sku) => textAt(sku, "name") === name);
    assert.deepEqual(
      ["PremiumV2_LRS", "UltraSSD_LRS"].map((name) => textAt(named(name), "size")),
      ["P", "U"],
    );
    const capabilities = Object.fromEntries(
      (listAt(named("PremiumV2_LRS"), "capabilities") ?? []).map((each) => [
        textAt(each, "name"),
        textAt(each, "value"),
      ]),
    );
    assert.equal(capabilities["MinIOpsReadWrite"], "3000");
    assert.equal(capabilities["MinBandwidthMBpsReadWrite"], "125");
  });

  it("is not in every region, nor in every zone of one", () => {
    const azure = aModel();
    assert.deepEqual(zonesOf(azure, "PremiumV2_LRS", "japanwest"), ["1", "2"]);
    assert.equal(zonesOf(azure, "PremiumV2_LRS", "westindia"), undefined);
    assert.equal(zonesOf(azure, "UltraSSD_LRS", "norwayeast"), undefined);
    assert.deepEqual(refusal(azure, "disks/d", disk("norwayeast", "UltraSSD_LRS", "1")), [
      400,
      "InvalidParameter",
      "SKU UltraSSD_LRS is not supported for resource type Disk in this region. Supported SKUs for this " +
        "region are Standard_LRS,StandardSSD_LRS,StandardSSD_ZRS,Premium_LRS,Premium_ZRS,PremiumV2_LRS",
    ]);
    assert.equal(azure.send("PUT", "disks/two", disk("japanwest", "PremiumV2_LRS", "2")).status, 202);
    assert.deepEqual(refusal(azure, "disks/three", disk("japanwest", "PremiumV2_LRS", "3")), [
      400,
      "InvalidAvailabilityZone",
      "The zone(s) '3' for resource 'Microsoft.Compute/disks/three' is not supported. The supported zones " +
        "for location 'japanwest' are '1,2'",
    ]);
    const size = skusIn(azure, "koreacentral").find((sku) => textAt(sku, "name") === "Standard_D8s_v5");
    assert.deepEqual(at(listAt(size, "locationInfo")?.[0], "zoneDetails"), [
      { Name: ["1"], capabilities: [{ name: "UltraSSDAvailable", value: "True" }] },
    ]);
  });

  it("to which a disk is converted must be in its region", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/d", disk("westus", "Premium_LRS"));
    const change = azure.send("PATCH", "disks/d", { sku: { name: "Premium_ZRS" } });
    assert.deepEqual([change.status, textAt(change.body, "error", "target")], [400, "sku"]);
  });
});

describe("a region of restricted access", () => {
  it("is listed, and has nothing for a subscription, unless the settings name it", () => {
    const azure = aModel();
    const listed = listAt(azure.send("GET", `${SUBSCRIPTION}/locations`).body, "value") ?? [];
    assert.ok(listed.some((region) => textAt(region, "name") === "norwaywest"));
    assert.deepEqual(skusIn(azure, "norwaywest"), []);
    const [status, code] = refusal(azure, "disks/d", disk("norwaywest", "Premium_LRS")) as unknown[];
    assert.deepEqual([status, code], [400, "LocationNotAvailableForResourceType"]);
    const allowed = aModel({ settings: { locations: ["eastus", "norwaywest"] } });
    assert.equal(allowed.send("PUT", "disks/d", disk("norwaywest", "Premium_LRS")).status, 202);
  });

  it("is unlike one that only the settings know, which has everything in three zones", () => {
    const azure = aModel({ settings: { locations: ["eastus", "mars"] } });
    for (const sku of ["PremiumV2_LRS", "UltraSSD_LRS"])
      assert.deepEqual(zonesOf(azure, sku, "mars"), ["1", "2", "3"]);
  });
});
