import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, textAt } from "../api/json.ts";
import { aModel, codeOf, COMPUTE, diskBody, type ModelFixture } from "../testing/model-fixture.ts";

const SUBSCRIPTION_COMPUTE = "/subscriptions/sub-1/providers/Microsoft.Compute";

function listed(azure: ModelFixture, path: string): readonly (readonly [name: string, hasView: boolean])[] {
  const vms = at(azure.send("GET", path).body, "value") as readonly {
    readonly name: string;
    readonly properties: { readonly instanceView?: Json };
  }[];
  return vms.map((vm) => [vm.name, vm.properties.instanceView !== undefined]);
}

describe("VMs are listed", () => {
  const azure = aModel({
    virtualMachines: [
      { name: "east" },
      { name: "west", location: "westus2" },
      { name: "other", resourceGroup: "rg2" },
    ],
  });
  const rows: readonly {
    readonly path: string;
    readonly expected: readonly (readonly [string, boolean])[];
  }[] = [
    {
      path: "virtualMachines",
      expected: [
        ["east", false],
        ["west", false],
      ],
    },
    { path: "virtualMachines?$filter='virtualMachineScaleSet/id' eq '/subscriptions/sub-1/x'", expected: [] },
    {
      path: `${SUBSCRIPTION_COMPUTE}/virtualMachines?statusOnly=true`,
      expected: [
        ["east", true],
        ["west", true],
        ["other", true],
      ],
    },
    { path: `${SUBSCRIPTION_COMPUTE}/locations/West US 2/virtualMachines`, expected: [["west", false]] },
  ];
  for (const { path, expected } of rows) {
    it(`by ${path}`, () => {
      assert.deepEqual(listed(azure, path), expected);
    });
  }

  it("with instance views only of one scale set, and by no other filter", () => {
    for (const [query, code] of [
      ["$expand=instanceView", "BadRequest"],
      ["$filter=name eq 'east'", "InvalidParameter"],
      ["$filter='virtualMachineScaleSet/id' ne '/subscriptions/sub-1/x'", "InvalidParameter"],
    ] as const) {
      const { status, body } = azure.send("GET", `virtualMachines?${query}`);
      assert.deepEqual([status, codeOf(body)], [400, code], query);
    }
  });

  it("with instance views of no VM, as cloud-provider-azure was recorded to ask for", () => {
    const { status, body } = aModel({ virtualMachines: [] }).send(
      "GET",
      "virtualMachines?$expand=instanceView",
    );
    assert.deepEqual([status, at(body, "value")], [200, []]);
  });

  it("not for a group that does not exist", () => {
    const { status } = azure.send(
      "GET",
      "/subscriptions/sub-1/resourceGroups/none/providers/Microsoft.Compute/virtualMachines",
    );
    assert.equal(status, 404);
  });
});

describe("a VM", () => {
  it("whose guest hangs is detached from and stopped by force, in any spelling", () => {
    const azure = aModel({ virtualMachines: [{ name: "node-a" }] });
    azure.finish("PUT", "disks/pvc-1", diskBody());
    const diskId = `${COMPUTE}/disks/pvc-1`;
    azure.finish("POST", "virtualMachines/node-a/attachDetachDataDisks", { dataDisksToAttach: [{ diskId }] });
    azure.send("POST", "/emulator/v1/virtualMachineEvents", {
      vmId: `${COMPUTE}/virtualMachines/node-a`,
      event: "GuestHang",
    });
    const detached = azure.finish("POST", "virtualMachines/node-a/attachDetachDataDisks", {
      dataDisksToDetach: [{ diskId, detachOption: "forceDetach" }],
    });
    assert.equal(textAt(detached, "status"), "Succeeded");
    const shares = ["true", "True"].map((skipped) => {
      const stopped = aModel({ virtualMachines: [{ name: "node-a" }] });
      const began = stopped.nowMs();
      stopped.finish("POST", `virtualMachines/node-a/powerOff?skipShutdown=${skipped}`);
      return stopped.nowMs() - began;
    });
    assert.equal(shares[0], shares[1]);
  });

  it("reads the choices of its data disks in any case, and refuses others", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    const attach = (more: Readonly<Record<string, Json>>): Json => {
      const entry = { lun: 0, createOption: "attach", managedDisk: { id: `${COMPUTE}/disks/pvc-1` } };
      return { properties: { storageProfile: { dataDisks: [{ ...entry, ...more }] } } };
    };
    for (const [wrong, code] of [
      [{ caching: "WriteOnly" }, "BadRequest"],
      [{ deleteOption: "Keep" }, "InvalidParameter"],
    ] as const) {
      const { status, body } = azure.send("PATCH", "virtualMachines/node-a", attach(wrong));
      assert.deepEqual([status, codeOf(body)], [400, code], JSON.stringify(wrong));
    }
    azure.finish("PATCH", "virtualMachines/node-a", attach({ caching: "readonly", deleteOption: "DELETE" }));
    const { body } = azure.send("GET", "virtualMachines/node-a");
    const [shown] = at(body, "properties", "storageProfile", "dataDisks") as readonly Json[];
    assert.deepEqual(
      [at(shown, "createOption"), at(shown, "caching"), at(shown, "deleteOption")],
      ["Attach", "ReadOnly", "Delete"],
    );
    azure.finish("PATCH", "virtualMachines/node-a", attach({ deleteOption: "Detach" }));
    const kept = azure.send("GET", "virtualMachines/node-a").body;
    const [disk] = at(kept, "properties", "storageProfile", "dataDisks") as readonly Json[];
    assert.deepEqual([at(disk, "caching"), at(disk, "deleteOption")], ["ReadOnly", "Detach"]);
  });

  it("is created once by a repeated PUT, and shows its disks by their own names", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    const dataDisks = [
      { lun: 0, createOption: "Attach", managedDisk: { id: `${COMPUTE.toUpperCase()}/DISKS/PVC-1` } },
    ];
    const put = (tag: string): ReturnType<typeof azure.send> =>
      azure.send("PUT", "virtualMachines/vm", {
        location: "eastus",
        zones: ["1"],
        tags: { tag },
        properties: { networkProfile: {}, storageProfile: { dataDisks } },
      });
    const [first, again, other] = [put("a"), put("a"), put("b")];
    assert.deepEqual([first.status, again.status, other.status], [201, 201, 409]);
    assert.equal(again.headers["azure-asyncoperation"], first.headers["azure-asyncoperation"]);
    azure.settle();
    const shown = at(
      azure.send("GET", "virtualMachines/vm").body,
      "properties",
      "storageProfile",
      "dataDisks",
    ) as readonly Json[];
    assert.deepEqual(
      shown.map((entry) => [at(entry, "name"), at(entry, "managedDisk", "id")]),
      [["pvc-1", `${COMPUTE}/disks/pvc-1`]],
    );
    assert.equal(put("a").status, 200);
  });

  it("is not made by a PUT that only wants to change one", () => {
    const azure = aModel();
    const detachAll = { location: "eastus", properties: { storageProfile: { dataDisks: [] } } };
    const refused = azure.send("PUT", "virtualMachines/gone", detachAll);
    assert.deepEqual(
      [refused.status, codeOf(refused.body), textAt(refused.body, "error", "target")],
      [400, "InvalidParameter", "networkProfile"],
    );
    assert.equal(azure.send("GET", "virtualMachines/gone").status, 404);
  });

  it("keeps its identity and plan where a write does not mention them", () => {
    const azure = aModel();
    const plan = { name: "p", publisher: "q", product: "r" };
    const identity = { type: "SystemAssigned" };
    const body = { location: "eastus", plan, identity, properties: { networkProfile: {} } };
    azure.finish("PUT", "virtualMachines/vm", body);
    const told = (member: string): Json | undefined =>
      at(azure.send("GET", "virtualMachines/vm").body, member);
    const principal = textAt(told("identity"), "principalId");
    assert.match(principal ?? "", /^[0-9a-f-]{36}$/);
    assert.deepEqual(told("plan"), plan);
    azure.finish("PATCH", "virtualMachines/vm", { tags: { a: "b" } });
    azure.finish("PATCH", "virtualMachines/vm", {
      identity: { type: "SystemAssigned, UserAssigned", userAssignedIdentities: { "/x": {} } },
    });
    assert.equal(textAt(told("identity"), "principalId"), principal);
    const before = azure.send("GET", "virtualMachines/vm").headers["etag"];
    azure.finish("PATCH", "virtualMachines/vm", { identity: { type: "None" } });
    assert.deepEqual([told("identity"), told("plan")], [undefined, plan]);
    assert.notEqual(azure.send("GET", "virtualMachines/vm").headers["etag"], before);
  });

  it("keeps properties that the emulator does not understand", () => {
    const created = aModel({ settings: { osDisks: false } });
    const properties = {
      additionalCapabilities: { hibernationEnabled: true, ultraSSDEnabled: true },
      osProfile: { computerName: "vm" },
      storageProfile: { osDisk: { name: "os" } },
      networkProfile: {},
    };
    created.finish("PUT", "virtualMachines/vm", { location: "eastus", properties });
    const body = created.send("GET", "virtualMachines/vm").body;
    assert.deepEqual(
      [
        at(body, "properties", "additionalCapabilities"),
        at(body, "properties", "osProfile"),
        at(body, "properties", "storageProfile", "osDisk"),
      ],
      [properties.additionalCapabilities, properties.osProfile, properties.storageProfile.osDisk],
    );
    created.finish("PUT", "virtualMachines/plain", {
      location: "eastus",
      properties: { networkProfile: {}, additionalCapabilities: { hibernationEnabled: true } },
    });
    assert.deepEqual(
      at(created.send("GET", "virtualMachines/plain").body, "properties", "additionalCapabilities"),
      { hibernationEnabled: true },
    );
  });
});
