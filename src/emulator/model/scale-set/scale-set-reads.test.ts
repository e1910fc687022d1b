import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, numberAt, textAt } from "../api/json.ts";
import { aModel, codeOf, type ModelFixture } from "../model-fixture.ts";

const POOL = "virtualMachineScaleSets/pool";
const SUBSCRIPTION_COMPUTE = "/subscriptions/sub-1/providers/Microsoft.Compute";

function aPool(): ModelFixture {
  const azure = aModel({ virtualMachines: [] });
  azure.finish("PUT", POOL, { location: "eastus", sku: { name: "Standard_D8s_v5", capacity: 3 } });
  return azure;
}

function valuesOf(azure: ModelFixture, path: string): readonly Json[] {
  return at(azure.send("GET", path).body, "value") as readonly Json[];
}

describe("a scale set's ETag", () => {
  it("guards a PUT and a PATCH, and moves with both", () => {
    const azure = aPool();
    const seen = azure.send("GET", POOL);
    const { etag: first = "" } = seen.headers;
    assert.match(first, /^"\d+"$/);
    assert.equal(textAt(seen.body, "etag"), first);
    const patched = azure.send("PATCH", POOL, { sku: { capacity: 2 } }, { ifMatch: first });
    assert.equal(patched.status, 200);
    assert.notEqual(patched.headers["etag"], first);
    azure.settle();
    for (const [method, body] of [
      ["PATCH", { sku: { capacity: 1 } }],
      ["PUT", { location: "eastus" }],
    ] as const) {
      const late = azure.send(method, POOL, body, { ifMatch: first });
      assert.deepEqual([late.status, codeOf(late.body)], [412, "PreconditionFailed"]);
    }
    assert.equal(numberAt(azure.send("GET", POOL).body, "sku", "capacity"), 2);
    const again = azure.send("PUT", POOL, { location: "eastus" }, { ifNoneMatch: "*" });
    assert.equal(again.status, 412);
  });

  it("is not there for a version that lacks it", () => {
    const { headers, body } = aPool().send("GET", POOL, undefined, {
      query: { "api-version": "2023-09-01" },
    });
    assert.deepEqual([headers["etag"], at(body, "etag")], [undefined, undefined]);
  });
});

describe("reads of a scale set", () => {
  it("counts its instances by their state", () => {
    const azure = aPool();
    azure.finish("POST", `${POOL}/delete`, { instanceIds: ["0"] });
    azure.send("POST", `${POOL}/virtualMachines/1/restart`);
    const { body } = azure.send("GET", `${POOL}/instanceView`);
    assert.deepEqual(at(body, "virtualMachine", "statusesSummary"), [
      { code: "ProvisioningState/updating", count: 1 },
      { code: "ProvisioningState/succeeded", count: 1 },
    ]);
    assert.equal(textAt((at(body, "statuses") as Json[])[0], "code"), "ProvisioningState/succeeded");
  });

  it("lists sets by region, and the sizes that one can have", () => {
    const azure = aPool();
    const inRegion = (region: string): readonly unknown[] =>
      valuesOf(azure, `${SUBSCRIPTION_COMPUTE}/locations/${region}/virtualMachineScaleSets`).map((set) =>
        textAt(set, "name"),
      );
    assert.deepEqual([inRegion("East US"), inRegion("westus")], [["pool"], []]);
    const sizes = valuesOf(azure, `${POOL}/skus`).map((sku) => textAt(sku, "sku", "name"));
    assert.ok(sizes.includes("Standard_D8s_v5"));
    assert.equal(azure.send("GET", "virtualMachineScaleSets/none/skus").status, 404);
  });

  it("lists instances by whether they have the latest model, and refuses other filters", () => {
    const azure = aPool();
    azure.finish("PATCH", POOL, { sku: { name: "Standard_D4s_v5" } });
    azure.finish("POST", `${POOL}/manualupgrade`, { instanceIds: ["1"] });
    const idsBy = (filter: string): readonly unknown[] =>
      valuesOf(azure, `${POOL}/virtualMachines?$filter=${filter}`).map((vm) => textAt(vm, "instanceId"));
    assert.deepEqual(idsBy("properties/latestModelApplied eq true"), ["1"]);
    assert.deepEqual(idsBy("properties/latestModelApplied eq false"), ["0", "2"]);
    assert.deepEqual(idsBy("startswith(instanceView/statuses/code, 'PowerState') eq true"), ["0", "1", "2"]);
    const { status, body } = azure.send("GET", `${POOL}/virtualMachines?$filter=name eq 'pool_0'`);
    assert.deepEqual([status, codeOf(body)], [400, "BadRequest"]);
  });

  it("reapplies a set's model, and reimages one instance with all its disks", () => {
    const azure = aPool();
    for (const path of [`${POOL}/reapply`, `${POOL}/virtualMachines/0/reimageall`])
      assert.equal(textAt(azure.finish("POST", path), "status"), "Succeeded", path);
  });
});

describe("sizes that a VM or an availability set can have", () => {
  it("are listed for those that exist", () => {
    const azure = aModel();
    azure.send("PUT", "availabilitySets/set", { location: "eastus" });
    for (const path of ["virtualMachines/node-a", "availabilitySets/set"])
      assert.ok(valuesOf(azure, `${path}/vmSizes`).length > 10, path);
    assert.equal(codeOf(azure.send("GET", "virtualMachines/none/vmSizes").body), "ResourceNotFound");
  });
});
