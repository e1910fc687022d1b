import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aModel, codeOf, COMPUTE, dataDisksOf, diskBody, listBody } from "../../testing/model-fixture.ts";
import { type Json, textAt } from "../json.ts";

function profile(storageProfile: Json): Json {
  return { properties: { storageProfile } };
}

describe("a write of a VM with a member that the provider does not know", () => {
  const managedDisk = { id: `${COMPUTE}/disks/pvc-1` };
  const entry = { lun: 0, createOption: "Attach", managedDisk };
  const rows: readonly (readonly [storageProfile: Json, type: string, path: string])[] = [
    [{ dataDisks: [{ ...entry, toBeDetatched: true }] }, "DataDisk", "dataDisks[0].toBeDetatched"],
    [{ DataDisks: [{ ...entry, ToBeDetatched: true }] }, "DataDisk", "DataDisks[0].ToBeDetatched"],
    [{ dataDisks: [entry, { lun: 1, size: 8 }] }, "DataDisk", "dataDisks[1].size"],
    [{ data_disks: [] }, "StorageProfile", "data_disks"],
    [
      { dataDisks: [{ ...entry, managedDisk: { ...managedDisk, sku: "Premium_LRS" } }] },
      "ManagedDiskParameters",
      "dataDisks[0].managedDisk.sku",
    ],
  ];
  for (const [storageProfile, type, path] of rows)
    it(`is refused for ${path}, and does nothing`, () => {
      const azure = aModel();
      azure.finish("PUT", "disks/pvc-1", diskBody());
      azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
      const { status, body } = azure.send("PATCH", "virtualMachines/node-a", profile(storageProfile));
      const full = `properties.storageProfile.${path}`;
      const member = path.split(".").at(-1) ?? "";
      const position =
        JSON.stringify(profile(storageProfile)).indexOf(`"${member}":`) + `"${member}":`.length;
      assert.deepEqual([status, codeOf(body)], [400, "BadRequest"]);
      assert.equal(
        textAt(body, "error", "message"),
        `Could not find member '${member}' on object of type '${type}'. ` +
          `Path '${full}', line 1, position ${position}.`,
      );
      assert.equal(textAt(body, "error", "target"), `vm.${full}`);
      assert.equal(dataDisksOf(azure, "node-a"), "0:pvc-1");
    });

  it("is obeyed in a version that is newer than the emulator's models", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    const body = profile({ dataDisks: [{ ...entry, newMember: true }] });
    assert.equal(azure.send("PATCH", "virtualMachines/node-a?api-version=2099-01-01", body).status, 200);
    assert.equal(azure.send("PATCH", "virtualMachines/node-b?api-version=2025-04-01", body).status, 400);
  });

  it("is refused in a version that lacks the member, as V1 got it on Azure Stack", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    const body = profile({ dataDisks: [{ ...entry, toBeDetached: true }] });
    const old = azure.send("PUT", "virtualMachines/node-a?api-version=2017-12-01", {
      location: "eastus",
      ...(body as Readonly<Record<string, Json>>),
    });
    assert.deepEqual([old.status, codeOf(old.body)], [400, "BadRequest"]);
    assert.match(textAt(old.body, "error", "message") ?? "", /^Could not find member 'toBeDetached'/);
    assert.equal(azure.send("PATCH", "virtualMachines/node-a?api-version=2019-03-01", body).status, 200);
  });
});

describe("a write of a VM with a text that is no value of its type", () => {
  const skuType = "Microsoft.Azure.XStoreClientHelper.StorageAccountServiceClient.StorageAccountType";
  const rows: readonly (readonly [storageProfile: Json, path: string, value: string, type: string])[] = [
    [
      { dataDisks: [{ lun: 0, createOption: "Empty", diskSizeGB: 8, caching: "Unrecognized" }] },
      "dataDisks[0].caching",
      "Unrecognized",
      "Microsoft.WindowsAzure.ComputeResourceProvider.API.Disk+CachingType",
    ],
    [
      { osDisk: { createOption: "FromImage", managedDisk: { storageAccountType: "StandardLRS" } } },
      "osDisk.managedDisk.storageAccountType",
      "StandardLRS",
      skuType,
    ],
    [
      { dataDisks: [{ lun: 0, createOption: "Empty", managedDisk: { StorageAccountType: "Premium" } }] },
      "dataDisks[0].managedDisk.StorageAccountType",
      "Premium",
      skuType,
    ],
  ];
  for (const [storageProfile, path, value, type] of rows)
    it(`is refused for ${path}, as recorded`, () => {
      const { status, body } = aModel().send("PATCH", "virtualMachines/node-a", profile(storageProfile));
      const full = `properties.storageProfile.${path}`;
      const position = JSON.stringify(profile(storageProfile)).indexOf(`"${value}"`) + value.length + 2;
      assert.deepEqual(
        [status, codeOf(body), textAt(body, "error", "message"), textAt(body, "error", "target")],
        [
          400,
          "BadRequest",
          `Error converting value "${value}" to type 'System.Nullable\`1[${type}]'. ` +
            `Path '${full}', line 1, position ${position}.`,
          `vm.${full}`,
        ],
      );
    });

  it("is refused by what comes first in the body", () => {
    const entry = { lun: 0, createOption: "Empty", diskSizeGB: 8 };
    const messageOf = (more: Readonly<Record<string, Json>>): string => {
      const body = profile({ dataDisks: [{ ...entry, ...more }] });
      return textAt(aModel().send("PATCH", "virtualMachines/node-a", body).body, "error", "message") ?? "";
    };
    assert.match(messageOf({ size: 1, caching: "x" }), /^Could not find member 'size'/);
    assert.match(messageOf({ caching: "x", size: 1 }), /^Error converting value "x"/);
  });

  it("accepts the values in any case, and an empty text as none", () => {
    const azure = aModel();
    const disk = { createOption: "Empty", diskSizeGB: 8 };
    const dataDisks = [
      { ...disk, lun: 0, name: "a", caching: "readonly", managedDisk: { storageAccountType: "PREMIUM_lrs" } },
      { ...disk, lun: 1, name: "b", caching: "", managedDisk: { storageAccountType: "" } },
    ];
    azure.finish("PATCH", "virtualMachines/node-a", profile({ dataDisks }));
    assert.equal(dataDisksOf(azure, "node-a"), "0:a 1:b");
  });
});
