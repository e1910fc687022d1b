import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aModel, codeOf, COMPUTE, dataDisksOf, type ModelFixture } from "../../testing/model-fixture.ts";
import { at, type Json, objectAt, textAt } from "../json.ts";
import { MEMBER_NAMES } from "./member-names.ts";
import { withSpelledMembers } from "./spelled-members.ts";

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
    const azure = aModel();
    azure.finish("PATCH", "virtualMachines/node-a", {
      properties: { osprofile: { ADMINUSERNAME: "azure", AdminPassword: "secret" } },
    });
    azure.finish("PATCH", "virtualMachines/node-a", {
      properties: { osProfile: { adminUsername: "other" } },
    });
    const shown = objectAt(azure.send("GET", "virtualMachines/node-a").body, "properties");
    assert.deepEqual(shown?.["osprofile"], undefined);
    assert.equal(textAt(shown, "osProfile", "adminUsername"), "other");
    assert.equal(JSON.stringify(shown).includes("secret"), false);
  });

  it("are the last ones of those that differ only in case", () => {
    assert.deepEqual(withSpelledMembers({ sku: { name: "a" }, SKU: { Name: "b", name: "c" } }), {
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

describe("members that a client names", () => {
  it("keep their case", () => {
    const body = {
      tags: { SKU: "a", sku: "b", LOCATION: "c" },
      identity: { type: "UserAssigned", userAssignedIdentities: { NAME: {} } },
      properties: { extensionProfile: { extensions: [{ properties: { settings: { ID: 1 } } }] } },
      OwnMember: { ID: 1 },
    };
    assert.deepEqual(withSpelledMembers(body), body);
  });

  it("are among a resource's tags", () => {
    const azure = aDisk({ tags: { SKU: "a", Name: "b" } });
    assert.deepEqual(at(azure.send("GET", "disks/data").body, "tags"), { SKU: "a", Name: "b" });
  });
});

describe("the spellings", () => {
  it("are one of each member", () => {
    assert.equal(new Set(MEMBER_NAMES.map((name) => name.toLowerCase())).size, MEMBER_NAMES.length);
  });
});
