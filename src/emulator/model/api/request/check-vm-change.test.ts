import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  aModel,
  COMPUTE,
  codeOf,
  dataDisksOf,
  diskBody,
  listBody,
  type ModelFixture,
} from "../../testing/model-fixture.ts";
import { at, type Json, type JsonObject, objectAt, textAt } from "../json.ts";

const VM = "virtualMachines/vm";

/** A VM that was made from an image, with these properties. */
function aVm(properties: JsonObject = {}): ModelFixture {
  const azure = aModel({ virtualMachines: [] });
  azure.finish("PUT", VM, {
    location: "eastus",
    zones: ["1"],
    properties: {
      networkProfile: {},
      osProfile: { computerName: "host", adminUsername: "azure", adminPassword: "p", customData: "aGVsbG8=" },
      storageProfile: {
        imageReference: { publisher: "Canonical", offer: "ubuntu", sku: "server", version: "latest" },
        osDisk: { name: "os", createOption: "FromImage" },
      },
      ...properties,
    },
  });
  return azure;
}

/** Status, code, message and target of the refusal of a PATCH. */
function refusal(azure: ModelFixture, properties: Json): readonly unknown[] {
  const { status, body } = azure.send("PATCH", VM, { properties });
  return [status, codeOf(body), textAt(body, "error", "message"), textAt(body, "error", "target")];
}

describe("a property that a VM keeps from its creation on", () => {
  const rows: readonly (readonly [property: string, properties: JsonObject])[] = [
    ["osProfile.computerName", { osProfile: { computerName: "other" } }],
    ["osProfile.adminUsername", { osProfile: { adminUsername: "other" } }],
    ["osProfile.customData", { osProfile: { customData: "b3RoZXI=" } }],
    ["osDisk.name", { storageProfile: { osDisk: { name: "other" } } }],
    ["osDisk.createOption", { storageProfile: { osDisk: { createOption: "Attach" } } }],
    ["imageReference", { storageProfile: { imageReference: { sku: "other" } } }],
    ["imageReference", { storageProfile: { imageReference: { id: "/other" } } }],
  ];
  for (const [property, properties] of rows)
    it(`is not changed by ${JSON.stringify(properties)}`, () => {
      const message = `Changing property '${property}' is not allowed.`;
      assert.deepEqual(refusal(aVm(), properties), [409, "PropertyChangeNotAllowed", message, property]);
    });

  it("may be repeated, whatever its case, and with the exact version of the image", () => {
    const azure = aVm();
    const read = azure.send("GET", VM).body;
    assert.equal(azure.send("PUT", VM, read).status, 200);
    azure.settle();
    const same = {
      osProfile: { computerName: "HOST", customData: "aGVsbG8=" },
      storageProfile: { imageReference: { version: "latest", exactVersion: "1.2.3" } },
    };
    assert.equal(azure.send("PATCH", VM, { properties: same }).status, 200);
    assert.equal(at(azure.send("GET", VM).body, "properties", "osProfile", "customData"), undefined);
  });
});

describe("an update of a VM", () => {
  it("may swap its OS disk for one of another name, as `az vm update --os-disk` does", () => {
    const azure = aVm();
    azure.finish("PUT", "disks/second", diskBody());
    const id = textAt(azure.send("GET", "disks/second").body, "id") ?? assert.fail();
    azure.finish("POST", `${VM}/deallocate`);
    azure.finish("PATCH", VM, {
      properties: { storageProfile: { osDisk: { name: "second", managedDisk: { id } } } },
    });
    const { name } = objectAt(azure.send("GET", VM).body, "properties", "storageProfile", "osDisk") ?? {};
    assert.equal(name, "second");
  });

  it("keeps what never changes where it is set to null", () => {
    const azure = aVm();
    const before = objectAt(azure.send("GET", VM).body, "properties");
    for (const properties of [
      { osProfile: null },
      { osProfile: { computerName: null } },
      { storageProfile: { osDisk: { name: null }, imageReference: { publisher: "Canonical", id: null } } },
    ])
      azure.finish("PATCH", VM, { properties });
    const after = objectAt(azure.send("GET", VM).body, "properties");
    assert.deepEqual(after?.["osProfile"], before?.["osProfile"]);
    assert.deepEqual(after?.["storageProfile"], before?.["storageProfile"]);
  });
});

describe("a VM's size", () => {
  const sized = (vmSize: string, storageProfile: JsonObject = {}): JsonObject => ({
    hardwareProfile: { vmSize },
    storageProfile,
  });

  it("does not change to one that lacks the VM's controller", () => {
    const [status, code, message] = refusal(aVm(sized("Standard_D2s_v5")), sized("Standard_D2s_v6"));
    assert.deepEqual([status, code], [400, "InvalidParameter"]);
    assert.match(
      String(message),
      /^The VM size 'Standard_D2s_v6' cannot boot with DiskControllerType 'SCSI'\./,
    );
  });

  it("changes with the controller, while the VM is deallocated", () => {
    const azure = aVm(sized("Standard_D2s_v5"));
    const both = sized("Standard_D2s_v6", { diskControllerType: "nvme" });
    assert.deepEqual(refusal(azure, both).slice(0, 3), [
      409,
      "OperationNotAllowed",
      "'storageProfile.diskControllerType' can be updated only when VM is in deallocated state.",
    ]);
    azure.finish("POST", `${VM}/deallocate`);
    azure.finish("PATCH", VM, { properties: both });
    assert.equal(
      textAt(azure.send("GET", VM).body, "properties", "storageProfile", "diskControllerType"),
      "NVMe",
    );
  });

  it("has the controller that a new VM asks for", () => {
    const azure = aModel();
    const properties = { networkProfile: {}, ...sized("Standard_D2s_v5", { diskControllerType: "NVMe" }) };
    const { status, body } = azure.send("PUT", VM, { location: "eastus", properties });
    assert.deepEqual([status, codeOf(body)], [400, "InvalidParameter"]);
  });

  it("does not change to one without Premium storage under a Premium disk", () => {
    const azure = aVm();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    azure.finish("PATCH", VM, listBody({ 0: "pvc-1" }));
    const smaller = { hardwareProfile: { vmSize: "Standard_D2_v3" } };
    assert.deepEqual(refusal(azure, smaller), [
      400,
      "InvalidParameter",
      "Requested operation cannot be performed because the VM size Standard_D2_v3 does not support the " +
        "storage account type Premium_LRS of disk 'pvc-1'. Consider updating the VM to a size that " +
        "supports Premium storage.",
      "dataDisk.managedDisk.storageAccountType",
    ]);
    const without = { ...smaller, ...objectAt(listBody({}), "properties") };
    assert.equal(azure.send("PATCH", VM, { properties: without }).status, 200);
  });
});

describe("whether a VM takes Ultra disks", () => {
  const ultra = (ultraSSDEnabled: boolean): JsonObject => ({ additionalCapabilities: { ultraSSDEnabled } });

  it("changes only while it is deallocated", () => {
    const azure = aVm(ultra(true));
    assert.deepEqual(refusal(azure, ultra(false)).slice(0, 3), [
      409,
      "OperationNotAllowed",
      "'additionalCapabilities.ultraSSDEnabled' can be updated only when VM is in deallocated state.",
    ]);
    assert.equal(azure.send("PATCH", VM, { properties: ultra(true) }).status, 200);
    azure.settle();
    azure.finish("POST", `${VM}/deallocate`);
    assert.equal(azure.send("PATCH", VM, { properties: ultra(false) }).status, 200);
  });

  it("stays while it has one", () => {
    const azure = aVm(ultra(true));
    azure.finish("PUT", "disks/ultra", diskBody({ sku: "UltraSSD_LRS" }));
    azure.finish("PATCH", VM, listBody({ 0: "ultra" }));
    azure.finish("POST", `${VM}/deallocate`);
    assert.deepEqual(refusal(azure, ultra(false)).slice(0, 2), [400, "InvalidParameter"]);
    assert.equal(dataDisksOf(azure, "vm"), "0:ultra");
  });
});

describe("where a VM is placed and what it may cost", () => {
  const group = (name: string): JsonObject => ({
    proximityPlacementGroup: { id: `${COMPUTE}/proximityPlacementGroups/${name}` },
  });
  const price = (maxPrice: number): JsonObject => ({ billingProfile: { maxPrice } });

  it("change only while it is deallocated", () => {
    const azure = aVm({ ...group("near"), priority: "Spot", ...price(1500) });
    assert.deepEqual(
      [group("far"), price(2000)].map((properties) => refusal(azure, properties).slice(0, 3)),
      [
        [
          409,
          "OperationNotAllowed",
          "Updating proximity placement group of VM vm is not allowed while the VM is running. Please " +
            "stop/deallocate the VM and retry the operation.",
        ],
        [
          409,
          "OperationNotAllowed",
          "Billing Profile change is not allowed. For more information, see " +
            "https://aka.ms/low-priority/errormessages.",
        ],
      ],
    );
    assert.equal(azure.send("PATCH", VM, { properties: { ...group("NEAR"), ...price(1500) } }).status, 200);
    azure.settle();
    azure.finish("POST", `${VM}/deallocate`);
    assert.equal(azure.send("PATCH", VM, { properties: { ...group("far"), ...price(2000) } }).status, 200);
  });

  it("a Spot VM stays one", () => {
    const azure = aVm({ priority: "Low" });
    assert.equal(azure.send("PATCH", VM, { properties: { priority: "Spot" } }).status, 200);
    azure.settle();
    azure.finish("POST", `${VM}/deallocate`);
    assert.deepEqual(refusal(azure, { priority: "Regular" }).slice(0, 3), [
      409,
      "PropertyChangeNotAllowed",
      "Changing property 'priority' is not allowed.",
    ]);
  });
});
