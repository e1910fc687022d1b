import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aModel, codeOf, COMPUTE, dataDisksOf, type ModelFixture } from "../../testing/model-fixture.ts";
import { at, type Json, listAt, objectAt, textAt } from "../json.ts";
import { asDescribed } from "./described-body.ts";
import { MEMBER_NAMES } from "./member-names.ts";
import { BOOLEAN_MEMBERS, NUMBER_MEMBERS } from "./member-values.ts";

function aDisk(body: Readonly<Record<string, Json>> = {}): ModelFixture {
  const azure = aModel();
  azure.finish("PUT", "disks/data", {
    Location: "eastus",
    ZONES: ["1"],
    SKU: { Name: "StandardSSD_LRS" },
    Properties: { CreationData: { createoption: "Empty" }, diskSizeGb: 64 },
    ...body,
  });
  return azure;
}

describe("members in another case", () => {
  it("make a disk as asked for", () => {
    const shown = aDisk().send("GET", "disks/data").body;
    assert.deepEqual(
      [at(shown, "sku", "name"), at(shown, "zones"), at(shown, "properties", "diskSizeGB")],
      ["StandardSSD_LRS", ["1"], 64],
    );
  });

  it("attach and detach", () => {
    const azure = aDisk();
    const write = (entry: Readonly<Record<string, Json>>): Json => {
      const managedDisk = { ID: `${COMPUTE}/disks/data` };
      const list = [{ LUN: 3, CreateOption: "Attach", ManagedDisk: managedDisk, ...entry }];
      return { Properties: { storageprofile: { DataDisks: list } } };
    };
    azure.finish("PATCH", "virtualMachines/node-a", write({ Caching: "ReadOnly" }));
    assert.equal(dataDisksOf(azure, "node-a"), "3:data");
    const shown = azure.send("GET", "virtualMachines/node-a").body;
    const [entry] = at(shown, "properties", "storageProfile", "dataDisks") as readonly Json[];
    assert.equal(at(entry, "caching"), "ReadOnly");
    azure.finish("PATCH", "virtualMachines/node-a", write({ TOBEDETACHED: true }));
    assert.equal(dataDisksOf(azure, "node-a"), "");
  });

  it("are shown as the description spells them, and changed in either spelling", () => {
    const azure = aModel({ settings: { osDisks: false } });
    azure.finish("PATCH", "virtualMachines/node-a", {
      properties: { osprofile: { ALLOWEXTENSIONOPERATIONS: true, AdminPassword: "secret" } },
    });
    azure.finish("PATCH", "virtualMachines/node-a", {
      properties: { osProfile: { allowExtensionOperations: false } },
    });
    const shown = objectAt(azure.send("GET", "virtualMachines/node-a").body, "properties");
    assert.deepEqual(shown?.["osprofile"], undefined);
    assert.equal(at(shown, "osProfile", "allowExtensionOperations"), false);
    assert.equal(JSON.stringify(shown).includes("secret"), false);
  });

  it("are the last ones of those that differ only in case", () => {
    assert.deepEqual(asDescribed({ sku: { name: "a" }, SKU: { Name: "b", name: "c" } }), {
      sku: { name: "c" },
    });
    const azure = aDisk({ sku: { name: "Premium_LRS" }, Sku: { name: "Standard_LRS" } });
    assert.equal(textAt(azure.send("GET", "disks/data").body, "sku", "name"), "Standard_LRS");
  });

  it("are not obeyed in a version that lacks them", () => {
    const azure = aModel();
    azure.send("PUT", "disks/data?api-version=2019-07-01", {
      location: "eastus",
      sku: { name: "Premium_LRS" },
      properties: { creationData: { createOption: "Empty" }, diskSizeGB: 1024, MaxShares: 2 },
    });
    azure.settle();
    assert.equal(at(azure.send("GET", "disks/data").body, "properties", "maxShares"), undefined);
  });

  it("are refused as they were sent where they are unknown at their place", () => {
    const { status, body } = aModel().send("PUT", "disks/data", { location: "eastus", DiskSizeGB: 8 });
    assert.deepEqual([status, codeOf(body)], [400, "InvalidRequestContent"]);
    assert.match(textAt(body, "error", "message") ?? "", /'DiskSizeGB' on object of type/);
  });
});

// Azure's own templates have them, and Go's client reads no text as a number.
describe("numbers and truth values in quotes", () => {
  it("are in no answer, the first one included", () => {
    const azure = aModel();
    const answer = azure.send("PUT", "disks/data", {
      location: "eastus",
      sku: { name: "Premium_LRS" },
      properties: {
        creationData: { createOption: "Empty", performancePlus: "True" },
        diskSizeGB: "1024",
        burstingEnabled: "true",
        optimizedForFrequentAttach: "false",
      },
    });
    azure.settle();
    const shown = azure.send("GET", "disks/data").body;
    for (const body of [answer.body, shown])
      assert.deepEqual(
        ["diskSizeGB", "burstingEnabled", "optimizedForFrequentAttach"].map((name) =>
          at(body, "properties", name),
        ),
        [1024, true, false],
      );
    assert.deepEqual(
      [
        at(shown, "properties", "creationData", "performancePlus"),
        at(shown, "properties", "diskIOPSReadWrite"),
      ],
      [true, 8000],
    );
  });

  it("are none of a VM's OS disk", () => {
    const azure = aModel();
    azure.finish("PUT", "virtualMachines/new", {
      location: "eastus",
      properties: { networkProfile: {}, storageProfile: { osDisk: { diskSizeGB: "30" } } },
    });
    const shown = azure.send("GET", "virtualMachines/new").body;
    assert.equal(at(shown, "properties", "storageProfile", "osDisk", "diskSizeGB"), 30);
  });

  it("are none of a scale set's model", () => {
    const azure = aModel();
    azure.finish("PUT", "virtualMachineScaleSets/set", {
      location: "eastus",
      sku: { name: "Standard_D8s_v5", capacity: "1" },
      properties: {
        virtualMachineProfile: {
          storageProfile: { dataDisks: [{ lun: "0", createOption: "Empty", diskSizeGB: "8" }] },
        },
      },
    });
    const { body } = azure.send("GET", "virtualMachineScaleSets/set");
    assert.equal(at(body, "sku", "capacity"), 1);
    const [disk] = listAt(body, "properties", "virtualMachineProfile", "storageProfile", "dataDisks") ?? [];
    assert.deepEqual([at(disk, "lun"), at(disk, "diskSizeGB")], [0, 8]);
  });

  it("are refused as without quotes", () => {
    const policyWith = (rollingUpgradePolicy: Readonly<Record<string, Json>>): Json => ({
      location: "eastus",
      sku: { name: "Standard_D8s_v5", capacity: 0 },
      properties: { upgradePolicy: { rollingUpgradePolicy } },
    });
    const diskOf = (diskSizeGB: Json): Json => ({
      location: "eastus",
      properties: { creationData: { createOption: "Empty" }, diskSizeGB },
    });
    const accessFor = (durationInSeconds: Json): Json => ({ access: "Read", durationInSeconds });
    const azure = aDisk();
    const rows: readonly (readonly [method: "PUT" | "POST", path: string, body: Json])[] = [
      ["PUT", "virtualMachineScaleSets/set", policyWith({ maxSurge: "true" })],
      ["PUT", "virtualMachineScaleSets/set", policyWith({ rollbackFailedInstancesOnPolicyBreach: "True" })],
      ["PUT", "disks/new", diskOf("-1")],
      ["PUT", "disks/new", diskOf("1.5")],
      ["PUT", "disks/new", diskOf("9".repeat(400))],
      ["POST", "disks/data/beginGetAccess", accessFor("9".repeat(400))],
      ["POST", "disks/data/beginGetAccess", accessFor(Infinity)],
      ["POST", "disks/data/beginGetAccess", accessFor(-1)],
    ];
    for (const [method, path, body] of rows)
      assert.deepEqual(
        [azure.send(method, path, body).status, codeOf(azure.send(method, path, body).body)],
        [400, "InvalidParameter"],
        JSON.stringify(body),
      );
  });
});

describe("members that a client names", () => {
  it("keep their case and their quotes", () => {
    const body = {
      tags: { SKU: "a", sku: "b", LOCATION: "c", lun: "1" },
      identity: { type: "UserAssigned", userAssignedIdentities: { NAME: {} } },
      properties: {
        extensionProfile: { extensions: [{ properties: { settings: { ID: 1, enabled: "true" } } }] },
      },
    };
    assert.deepEqual(asDescribed({ ...body, OwnMember: { ID: 1 } }), body);
  });

  it("are among a resource's tags", () => {
    const azure = aDisk({ tags: { SKU: "a", Name: "b" } });
    assert.deepEqual(at(azure.send("GET", "disks/data").body, "tags"), { SKU: "a", Name: "b" });
  });
});

describe("the members with numbers and truth values", () => {
  it("are among those that are known", () => {
    assert.deepEqual(
      [...NUMBER_MEMBERS, ...BOOLEAN_MEMBERS].filter((name) => !MEMBER_NAMES.includes(name)),
      [],
    );
  });
});

describe("the spellings", () => {
  it("are one of each member", () => {
    assert.equal(new Set(MEMBER_NAMES.map((name) => name.toLowerCase())).size, MEMBER_NAMES.length);
  });
});
