import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ArmRequest } from "../api/arm-message.ts";
import { type Json, textAt } from "../api/json.ts";
import {
  aModel,
  codeOf,
  COMPUTE,
  dataDisksOf,
  diskBody,
  etagOf,
  listBody,
  type ModelFixture,
} from "../testing/model-fixture.ts";

const VM = "virtualMachines/node-a";
const INSTANCE = "virtualMachineScaleSets/pool/virtualMachines/0";

/** A VM and an instance of a scale set; the VM has pvc-1 at LUN 0. */
function furnished(): ModelFixture {
  const azure = aModel({
    scaleSets: [
      { subscriptionId: "sub-1", resourceGroup: "rg", location: "eastus", name: "pool", capacity: 1 },
    ],
    virtualMachines: [{ name: "node-a", tags: { a: "1" } }],
  });
  for (const name of ["pvc-1", "pvc-2"]) azure.finish("PUT", `disks/${name}`, diskBody());
  azure.finish("PATCH", VM, listBody({ 0: "pvc-1" }));
  return azure;
}

function stateOf(azure: ModelFixture): string | undefined {
  return textAt(azure.send("GET", VM).body, "properties", "provisioningState");
}

/** What a new VM must state. */
const BARE = { hardwareProfile: { vmSize: "Standard_D8s_v5" } };

const profile = (more: Readonly<Record<string, Json>>): Json => ({ properties: more });

describe("a PATCH of a VM", () => {
  for (const { because, body } of [
    { because: "is empty", body: {} },
    { because: "changes only tags", body: { tags: { a: "2" } } },
    { because: "restates the tags", body: { tags: { a: "1" } } },
    { because: "restates a profile", body: profile({ hardwareProfile: { vmSize: "Standard_D8s_v5" } }) },
    { because: "restates the data disks", body: listBody({ 0: "pvc-1" }) },
    {
      because: "takes off a LUN that is not there",
      body: listBody({ 0: "pvc-1", 5: "pvc-2" }, { "pvc-2": { toBeDetached: true } }),
    },
  ])
    it(`that ${because} has no operation to follow, and is over at once`, () => {
      const azure = furnished();
      const before = etagOf(azure, "node-a");
      const { status, headers, body: answered } = azure.send("PATCH", VM, body);
      assert.deepEqual(
        [status, headers["azure-asyncoperation"], headers["azure-asyncnotification"], headers["location"]],
        [200, undefined, undefined, undefined],
      );
      assert.equal(textAt(answered, "properties", "provisioningState"), "Updating");
      assert.equal(stateOf(azure), "Updating");
      azure.advance(3000);
      assert.equal(stateOf(azure), "Succeeded");
      assert.deepEqual(
        [etagOf(azure, "node-a"), headers["etag"]],
        [headers["etag"], etagOf(azure, "node-a")],
      );
      assert.notEqual(etagOf(azure, "node-a"), before);
      assert.equal(dataDisksOf(azure, "node-a"), "0:pvc-1");
    });

  it("of an empty list has none where the VM has no data disk", () => {
    const azure = aModel();
    assert.equal(azure.send("PATCH", VM, listBody({})).headers["azure-asyncoperation"], undefined);
  });

  const identity = { identity: { type: "SystemAssigned" } };
  for (const { because, method, path, body } of [
    { because: "that attaches a disk", body: listBody({ 0: "pvc-1", 1: "pvc-2" }) },
    { because: "that detaches a disk", body: listBody({}) },
    { because: "that changes the identity", body: identity },
    { because: "of another size", body: profile({ hardwareProfile: { vmSize: "Standard_D4s_v5" } }) },
    { because: "by a PUT", method: "PUT", body: { location: "eastus" } },
    { because: "by a PUT of an instance", method: "PUT", path: INSTANCE, body: { location: "eastus" } },
  ] as readonly {
    readonly because: string;
    readonly method?: ArmRequest["method"];
    readonly path?: string;
    readonly body: Json;
  }[])
    it(`${because} has an operation`, () => {
      const azure = furnished();
      const { headers } = azure.send(method ?? "PATCH", path ?? VM, body);
      assert.notEqual(headers["azure-asyncoperation"], undefined);
    });

  it("has an operation where it tries again what failed", () => {
    const azure = furnished();
    azure.model.faults.add({
      operation: "VirtualMachines_Update",
      times: 1,
      effect: { kind: "FailOperation", code: "InternalOperationError" },
    });
    azure.finish("PATCH", VM, listBody({ 0: "pvc-1", 1: "pvc-2" }));
    assert.equal(stateOf(azure), "Failed");
    assert.equal(textAt(azure.finish("PATCH", VM, {}), "status"), "Succeeded");
    assert.equal(stateOf(azure), "Succeeded");
    assert.equal(textAt(azure.send("GET", "disks/pvc-2").body, "managedBy"), `${COMPUTE}/${VM}`);
  });

  it("without an operation holds up the next write until it is over", () => {
    const azure = furnished();
    azure.send("PATCH", VM, {});
    assert.equal(codeOf(azure.send("PATCH", VM, {}).body), "Conflict");
    azure.advance(3000);
    assert.equal(azure.send("PATCH", VM, {}).status, 200);
  });

  it("without an operation fails as its fault says, and the VM shows it", () => {
    const azure = furnished();
    azure.model.faults.add({
      operation: "VirtualMachines_Update",
      effect: { kind: "FailOperation", code: "InternalOperationError" },
    });
    assert.equal(azure.send("PATCH", VM, {}).status, 200);
    azure.settle();
    assert.equal(stateOf(azure), "Failed");
    azure.model.faults.clear();
    assert.notEqual(azure.send("PATCH", VM, {}).headers["azure-asyncoperation"], undefined);
  });

  it("without an operation is seen by its caller also where reads are stale for others", () => {
    const azure = furnished();
    azure.model.faults.add({ operation: "VirtualMachines_Get", effect: { kind: "StaleRead" } });
    const seenBy = (caller: string): string | undefined =>
      textAt(azure.send("GET", VM, undefined, { caller }).body, "etag");
    const before = seenBy("a");
    assert.equal(seenBy("b"), before);
    azure.send("PATCH", VM, {}, { caller: "a" });
    assert.notEqual(seenBy("a"), before);
    assert.equal(seenBy("b"), before);
  });
});

describe("a write of a VM", () => {
  it("takes no last network interface, as Azure PowerShell was recorded (2016)", () => {
    const azure = aModel({ virtualMachines: [{ name: "node-a" }] });
    const before = azure.send("GET", VM).body;
    const none = { location: "eastus", properties: { networkProfile: { networkInterfaces: [] } } };
    for (const method of ["PUT", "PATCH"] as const) {
      const { status, body } = azure.send(method, VM, none);
      assert.equal(status, 400);
      assert.equal(codeOf(body), "VirtualMachineMustHaveAtLeastOneNetworkInterface");
      assert.equal(
        textAt(body, "error", "message"),
        "Virtual machine node-a must have at least one network interface.",
      );
    }
    assert.deepEqual(azure.send("GET", VM).body, before);
    // One that was made without any, as a test's may be, can be written to.
    azure.finish("PUT", "virtualMachines/bare", { ...none, properties: { ...BARE, ...none.properties } });
    assert.equal(azure.send("PATCH", "virtualMachines/bare", none).status, 200);
  });
});
