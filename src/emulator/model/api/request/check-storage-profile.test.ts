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

  it("is refused for a scale set's model too, which drops no disk", () => {
    const put = (storageProfile: Json): readonly unknown[] => {
      const azure = aModel();
      const { status, body } = azure.send("PUT", "virtualMachineScaleSets/pool", {
        location: "eastus",
        sku: { name: "Standard_D2s_v5", capacity: 1 },
        properties: { virtualMachineProfile: { storageProfile } },
      });
      assert.equal(azure.send("GET", "virtualMachineScaleSets/pool").status, 404);
      const message = textAt(body, "error", "message")?.replace(/ Path .*$/, "");
      return [status, codeOf(body), textAt(body, "error", "target"), message];
    };
    const target = "vmScaleSet.properties.virtualMachineProfile.storageProfile.dataDisks";
    const disk = { lun: 0, createOption: "Empty", diskSizeGB: 8 };
    assert.deepEqual(put({ dataDisks: [disk, "data"] }), [
      ...[400, "BadRequest", `${target}[1]`],
      "Error converting value \"data\" to type 'VirtualMachineScaleSetDataDisk'.",
    ]);
    assert.deepEqual(put({ dataDisks: [{ ...disk, toBeDetached: true }] }), [
      ...[400, "BadRequest", `${target}[0].toBeDetached`],
      "Could not find member 'toBeDetached' on object of type 'VirtualMachineScaleSetDataDisk'.",
    ]);
    assert.deepEqual(put({ dataDisks: [null] }).slice(0, 3), [400, "BadRequest", `${target}[0]`]);
    assert.deepEqual(put({ dataDisks: disk }).slice(0, 3), [400, "BadRequest", target]);
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

describe("a write of a VM with a value of another type", () => {
  const list = "properties.storageProfile.dataDisks";
  const rows: readonly (readonly [storageProfile: Json, path: string, problem: string, position: number])[] =
    [
      [{ dataDisks: [null] }, `${list}[0]`, "Error converting value {null} to type 'DataDisk'.", 50],
      [{ dataDisks: ["x"] }, `${list}[0]`, "Error converting value \"x\" to type 'DataDisk'.", 49],
      [
        { dataDisks: [[]] },
        `${list}[0]`,
        "Cannot deserialize the current JSON array (e.g. [1,2,3]) into type 'DataDisk' because the type " +
          'requires a JSON object (e.g. {"name":"value"}) to deserialize correctly.',
        47,
      ],
      [
        { dataDisks: {} },
        list,
        'Cannot deserialize the current JSON object (e.g. {"name":"value"}) into type \'System.Collections.' +
          "Generic.List`1[DataDisk]' because the type requires a JSON array (e.g. [1,2,3]) to deserialize " +
          "correctly.",
        46,
      ],
      [
        { dataDisks: "x" },
        list,
        "Error converting value \"x\" to type 'System.Collections.Generic.List`1[DataDisk]'.",
        48,
      ],
      [
        { dataDisks: [{ lun: 0, managedDisk: 7 }] },
        `${list}[0].managedDisk`,
        "Error converting value 7 to type 'ManagedDiskParameters'.",
        70,
      ],
      ["x", "properties.storageProfile", "Error converting value \"x\" to type 'StorageProfile'.", 35],
    ];
  for (const [storageProfile, path, problem, position] of rows)
    it(`detaches nothing for ${JSON.stringify(storageProfile)}`, () => {
      const azure = aModel();
      azure.finish("PUT", "disks/pvc-1", diskBody());
      azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
      const { status, body } = azure.send("PATCH", "virtualMachines/node-a", profile(storageProfile));
      assert.deepEqual(
        [status, codeOf(body), textAt(body, "error", "message"), textAt(body, "error", "target")],
        [400, "BadRequest", `${problem} Path '${path}', line 1, position ${position}.`, `vm.${path}`],
      );
      azure.settle();
      assert.equal(dataDisksOf(azure, "node-a"), "0:pvc-1");
    });

  it("is obeyed where the list of disks is null, which is none", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    azure.finish("PATCH", "virtualMachines/node-a", profile({ dataDisks: null }));
    assert.equal(dataDisksOf(azure, "node-a"), "0:pvc-1");
  });
});

describe("attachDetachDataDisks refuses", () => {
  const diskId = `${COMPUTE}/disks/pvc-1`;
  const rows: readonly (readonly [because: string, body: Json, code: string])[] = [
    ["nothing to do", {}, "InvalidParameter"],
    ["empty lists", { dataDisksToAttach: [], dataDisksToDetach: [] }, "InvalidParameter"],
    ["a text", "x", "BadRequest"],
    ["a list", [], "BadRequest"],
    ["a disk that is null", { dataDisksToDetach: [null] }, "BadRequest"],
    ["disks that are no list", { dataDisksToDetach: { diskId } }, "BadRequest"],
    ["a misspelt member", { dataDisksToDetach: [{ diskID: diskId, detach: "ForceDetach" }] }, "BadRequest"],
    [
      "one disk in both lists",
      { dataDisksToAttach: [{ diskId }], dataDisksToDetach: [{ diskId: diskId.toUpperCase() }] },
      "InvalidParameter",
    ],
  ];
  for (const [because, body, code] of rows)
    it(because, () => {
      const azure = aModel();
      azure.finish("PUT", "disks/pvc-1", diskBody());
      azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
      const answer = azure.send("POST", "virtualMachines/node-a/attachDetachDataDisks", body);
      assert.deepEqual([answer.status, codeOf(answer.body)], [400, code]);
      azure.settle();
      assert.equal(dataDisksOf(azure, "node-a"), "0:pvc-1");
    });
});
