import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ArmRequest } from "../api/arm-message.ts";
import { at, type Json, listAt, textAt } from "../api/json.ts";
import { createComputeModel } from "../compute-model.ts";
import { aModel, codeOf, diskBody, type ModelFixture } from "../testing/model-fixture.ts";

const KNOWN = "00000000-0000-0000-0000-00000000000a";
const OTHER = "00000000-0000-0000-0000-00000000000b";

function refusal(azure: ModelFixture, method: ArmRequest["method"], path: string, body?: Json): unknown {
  const answer = azure.send(method, path, body);
  return [answer.status, codeOf(answer.body), textAt(answer.body, "error", "message")];
}

describe("a subscription", () => {
  it("that is neither set up nor in the settings is not found", () => {
    const azure = aModel();
    const refused = [404, "SubscriptionNotFound", `The subscription '${OTHER}' could not be found.`];
    for (const path of ["", "/resourceGroups", "/providers/Microsoft.Compute/disks", "/nonsense"])
      assert.deepEqual(refusal(azure, "GET", `/subscriptions/${OTHER}${path}`), refused, path);
    assert.deepEqual(
      refusal(azure, "PUT", `/subscriptions/${OTHER}/resourceGroups/rg`, { location: "eastus" }),
      refused,
    );
    assert.deepEqual(listed(azure), ["sub-1"]);
  });

  it("whose id is no GUID is malformed, also where the path has none", () => {
    const azure = aModel();
    const refused = (id: string): unknown => [
      400,
      "InvalidSubscriptionId",
      `The provided subscription identifier '${id}' is malformed or invalid.`,
    ];
    assert.deepEqual(refusal(azure, "GET", "/subscriptions/prod/resourceGroups"), refused("prod"));
    assert.deepEqual(
      refusal(azure, "GET", "/subscriptions//resourceGroups/rg/providers/Microsoft.Compute/disks"),
      refused("resourceGroups"),
    );
  });

  it("of the settings exists without a resource group, and `*` stands for every GUID", () => {
    const azure = aModel({ settings: { subscriptions: [KNOWN] } });
    assert.equal(azure.send("GET", `/subscriptions/${KNOWN.toUpperCase()}`).status, 200);
    assert.deepEqual(listed(azure), ["sub-1", KNOWN]);
    const any = aModel({ settings: { subscriptions: ["*"] } });
    assert.equal(any.send("GET", `/subscriptions/${OTHER}/resourceGroups`).status, 200);
    assert.equal(any.send("GET", "/subscriptions/prod/resourceGroups").status, 400);
    any.send("PUT", `/subscriptions/${OTHER}/resourceGroups/new`, { location: "eastus" });
    assert.deepEqual(listed(any), ["sub-1", OTHER]);
  });

  it("of the set-up outlasts its last resource group", () => {
    const azure = aModel({ virtualMachines: [] });
    azure.finish("DELETE", "/subscriptions/sub-1/resourceGroups/rg");
    assert.deepEqual(listed(azure), ["sub-1"]);
  });

  it("is there also in an emulator without set-up", () => {
    const model = createComputeModel({ clock: { nowMs: () => 0 } });
    const query = { "api-version": "2025-04-01" };
    const { body } = model.handle({ method: "GET", path: "/subscriptions", query });
    assert.deepEqual(idsIn(body), ["00000000-0000-0000-0000-000000000000"]);
  });
});

describe("a region", () => {
  it("that the subscription does not have takes no resource and no group", () => {
    const azure = aModel({ settings: { locations: ["East US", "westus"] } });
    for (const [path, type] of [
      ["disks/d", "Microsoft.Compute/disks"],
      ["snapshots/s", "Microsoft.Compute/snapshots"],
      ["virtualMachines/v", "Microsoft.Compute/virtualMachines"],
      ["virtualMachineScaleSets/v", "Microsoft.Compute/virtualMachineScaleSets"],
      ["availabilitySets/a", "Microsoft.Compute/availabilitySets"],
      ["diskEncryptionSets/e", "Microsoft.Compute/diskEncryptionSets"],
    ] as const)
      assert.deepEqual(refusal(azure, "PUT", path, { ...(diskBody() as object), location: "Mars" }), [
        400,
        "LocationNotAvailableForResourceType",
        `The provided location 'mars' is not available for resource type '${type}'. List of available ` +
          "regions for the resource type is 'eastus,westus'.",
      ]);
    assert.deepEqual(refusal(azure, "PUT", "/subscriptions/sub-1/resourceGroups/new", { location: "mars" }), [
      400,
      "LocationNotAvailableForResourceGroup",
      "The provided location 'mars' is not available for resource group. List of available regions is " +
        "'eastus,westus'.",
    ]);
  });

  it("that no subscription has is refused in paths", () => {
    const azure = aModel({ settings: { locations: ["eastus"], apiVersions: ["2025-04-01"] } });
    for (const type of ["vmSizes", "usages", "virtualMachines", "virtualMachineScaleSets"]) {
      const path = `/subscriptions/sub-1/providers/Microsoft.Compute/locations/mars/${type}`;
      assert.deepEqual(refusal(azure, "GET", path), [
        400,
        "NoRegisteredProviderFound",
        "No registered resource provider found for location 'mars' and API version '2025-04-01' for type " +
          `'locations/${type}'. The supported api-versions are '2025-04-01'. The supported locations are ` +
          "'eastus'.",
      ]);
    }
  });

  it("is listed with the name that az takes as well", () => {
    const { body } = aModel().send("GET", "/subscriptions/sub-1/locations");
    const regions = listAt(body, "value") ?? [];
    const eastUs2 = regions.find((region) => textAt(region, "name") === "eastus2");
    assert.equal(textAt(eastUs2, "displayName"), "East US 2");
    assert.ok(regions.length > 50);
  });

  it("of a set-up is one of the subscription", () => {
    const settings = { locations: ["westus"] };
    assert.throws(
      () => aModel({ settings, virtualMachines: [] }),
      /resource group rg can't be set up: .*'eastus'/,
    );
    const azure = aModel();
    const vm = { subscriptionId: "sub-1", resourceGroup: "rg", location: "mars", name: "v" };
    const added = azure.model.handle({ method: "POST", path: "/emulator/v1/virtualMachines", body: vm });
    assert.deepEqual([added.status, codeOf(added.body)], [400, "LocationNotAvailableForResourceType"]);
    const group = { subscriptionId: "sub-1", name: "new", location: "mars" };
    const other = azure.model.handle({ method: "POST", path: "/emulator/v1/resourceGroups", body: group });
    assert.deepEqual([other.status, codeOf(other.body)], [400, "LocationNotAvailableForResourceGroup"]);
  });
});

function listed(azure: ModelFixture): readonly unknown[] {
  return idsIn(azure.send("GET", "/subscriptions").body);
}

function idsIn(body: Json | undefined): readonly unknown[] {
  return (listAt(body, "value") ?? []).map((subscription) => textAt(subscription, "subscriptionId"));
}

describe("the placement of a VM", () => {
  const vmIn = (placement: Json): readonly unknown[] => {
    const azure = aModel();
    const body = { location: "eastus", placement, properties: { networkProfile: {} } };
    const answer = azure.send("PUT", "virtualMachines/vm", body);
    const read = azure.send("GET", "virtualMachines/vm").body;
    return [answer.status, codeOf(answer.body), at(read, "zones"), at(read, "placement")];
  };

  it("lets Azure choose its zone", () => {
    for (const [placement, zones] of [
      [{ zonePlacementPolicy: "Any" }, ["1"]],
      [{ zonePlacementPolicy: "Any", includeZones: ["2", "3"] }, ["2"]],
      [{ zonePlacementPolicy: "Any", excludeZones: ["1", "2"] }, ["3"]],
    ] as const)
      assert.deepEqual(vmIn(placement), [201, undefined, zones, placement]);
  });

  it("is refused where its zones are none of the region", () => {
    const placement = { zonePlacementPolicy: "Any", includeZones: ["9"] };
    assert.deepEqual(vmIn(placement).slice(0, 2), [400, "InvalidAvailabilityZone"]);
  });

  it("is refused where it leaves no zone", () => {
    for (const zones of [{ excludeZones: ["1", "2", "3"] }, { includeZones: ["2"], excludeZones: ["2"] }])
      assert.deepEqual(vmIn({ zonePlacementPolicy: "Any", ...zones }).slice(0, 2), [
        400,
        "InvalidAvailabilityZone",
      ]);
  });
});
