import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, numberAt, textAt } from "../api/json.ts";
import { aModel, codeOf, diskBody, listBody, type ModelFixture } from "../testing/model-fixture.ts";

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
      query: { "api-version": "2023-07-01" },
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

  it("shows whose model an instance follows, also after a disk was attached to it", () => {
    const azure = aPool();
    azure.finish("PUT", "disks/pvc-1", diskBody({ zones: [] }));
    const followed = (): string | undefined =>
      textAt(azure.send("GET", `${POOL}/virtualMachines/0`).body, "properties", "modelDefinitionApplied");
    const before = followed();
    azure.finish("PUT", `${POOL}/virtualMachines/0`, listBody({ 0: "pvc-1" }));
    assert.deepEqual([before, followed()], ["VirtualMachineScaleSet", "VirtualMachine"]);
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
    assert.deepEqual([status, codeOf(body)], [400, "InvalidParameter"]);
    assert.match(
      textAt(body, "error", "message") ?? "",
      /^The value 'name eq 'pool_0'' of parameter '\$filter' is not allowed\. Allowed values are '/,
    );
  });

  it("shows a set's user data where one of the members that it expands is that", () => {
    const azure = aPool();
    azure.finish("PATCH", POOL, { properties: { virtualMachineProfile: { userData: "aGVsbG8=" } } });
    const shownBy = (query: string): unknown =>
      at(azure.send("GET", `${POOL}${query}`).body, "properties", "virtualMachineProfile", "userData");
    assert.deepEqual(
      [shownBy(""), shownBy("?$expand=userData"), shownBy("?$expand=instanceView,userData")],
      [undefined, "aGVsbG8=", "aGVsbG8="],
    );
  });

  it("keeps what it does not understand of a set, and its identity", () => {
    const azure = aPool();
    const other = { overprovision: false, singlePlacementGroup: false, platformFaultDomainCount: 1 };
    azure.finish("PATCH", POOL, { identity: { type: "SystemAssigned" }, properties: other });
    azure.finish("PATCH", POOL, { properties: { overprovision: true } });
    const { body } = azure.send("GET", POOL);
    const shown = at(body, "properties") as Readonly<Record<string, Json>>;
    assert.deepEqual(
      Object.keys(other).map((member) => shown[member]),
      [true, false, 1],
    );
    assert.match(textAt(body, "identity", "principalId") ?? "", /^[0-9a-f-]{36}$/);
  });

  it("reapplies a set's model, and reimages one instance with all its disks", () => {
    const azure = aPool();
    for (const path of [`${POOL}/reapply`, `${POOL}/virtualMachines/0/reimageall`])
      assert.equal(textAt(azure.finish("POST", path), "status"), "Succeeded", path);
  });
});

describe("calls of a scale set that is not there, or not so", () => {
  const calls: readonly (readonly ["GET" | "POST", path: string, status: number, code: string])[] = [
    ["GET", "virtualMachineScaleSets/none/instanceView", 404, "ResourceNotFound"],
    ["GET", "virtualMachineScaleSets/none/skus", 404, "ResourceNotFound"],
    ["POST", "virtualMachineScaleSets/none/reapply", 404, "ResourceNotFound"],
    ["GET", "virtualMachineScaleSets/none/virtualMachines", 404, "ResourceNotFound"],
    ["GET", `${POOL}/virtualMachines/9/instanceView`, 404, "ResourceNotFound"],
    ["POST", `${POOL}/virtualMachines/9/reimageAll`, 400, "InvalidParameter"],
    ["POST", `${POOL}/virtualMachines/9/start`, 400, "InvalidParameter"],
    ["POST", `${POOL}/virtualMachines/9/attachDetachDataDisks`, 400, "InvalidParameter"],
    ["POST", `${POOL}/virtualMachines/9/runCommand`, 400, "InvalidParameter"],
    ["POST", "virtualMachines/none/start", 404, "ResourceNotFound"],
    ["POST", "virtualMachineScaleSets/none/virtualMachines/0/reimageAll", 404, "ParentResourceNotFound"],
    ["GET", "virtualMachines/none/vmSizes", 404, "ResourceNotFound"],
    ["GET", "availabilitySets/none/vmSizes", 404, "ResourceNotFound"],
  ];
  for (const [method, path, status, code] of calls)
    it(`answers ${method} ${path} with ${code}`, () => {
      const answer = aPool().send(method, path);
      assert.deepEqual([answer.status, codeOf(answer.body)], [status, code]);
    });

  it("refuses to reapply a set that is being changed, and to reimage a busy instance", () => {
    const azure = aPool();
    azure.send("PATCH", POOL, { sku: { capacity: 4 } });
    assert.equal(azure.send("POST", `${POOL}/reapply`).status, 409);
    azure.settle();
    azure.send("POST", `${POOL}/virtualMachines/0/restart`);
    assert.equal(azure.send("POST", `${POOL}/virtualMachines/0/reimageAll`).status, 409);
    assert.equal(azure.send("POST", `${POOL}/reapply`).status, 409);
  });
});

describe("lists of scale sets and their instances", () => {
  it("come page by page, by region and by filter", () => {
    const azure = aModel({ virtualMachines: [], settings: { pageSize: 1 } });
    for (const [name, location] of [
      ["first", "eastus"],
      ["second", "westus"],
      ["third", "eastus"],
    ] as const)
      azure.finish("PUT", `virtualMachineScaleSets/${name}`, {
        location,
        sku: { name: "Standard_D8s_v5", capacity: 2 },
      });
    const allOf = (first: string): readonly unknown[] => {
      const names: unknown[] = [];
      for (let path: string | undefined = first; path !== undefined;) {
        const { body } = azure.send("GET", path);
        const page = at(body, "value") as readonly Json[];
        assert.ok(page.length <= 1);
        names.push(...page.map((each) => textAt(each, "name")));
        const next = textAt(body, "nextLink");
        path = next === undefined ? undefined : new URL(next).pathname + new URL(next).search;
      }
      return names;
    };
    const inRegion = `${SUBSCRIPTION_COMPUTE}/locations/eastus/virtualMachineScaleSets`;
    assert.deepEqual(allOf(inRegion), ["first", "third"]);
    const instances = "virtualMachineScaleSets/first/virtualMachines";
    azure.finish("PATCH", "virtualMachineScaleSets/first", { sku: { name: "Standard_D4s_v5" } });
    assert.deepEqual(allOf(`${instances}?$filter=properties/latestModelApplied eq false`), [
      "first_0",
      "first_1",
    ]);
    assert.deepEqual(allOf(`${instances}?$filter=properties/latestModelApplied eq true`), []);
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
