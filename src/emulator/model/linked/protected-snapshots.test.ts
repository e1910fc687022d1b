import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json } from "../api/json.ts";
import { aModel, codeOf, COMPUTE, diskBody, type ModelFixture } from "../testing/model-fixture.ts";

const KEYS = `${COMPUTE}/diskEncryptionSets/keys`;
const PRIVATE = `${COMPUTE}/diskAccesses/private`;
const WITH_KEYS = { diskEncryptionSetId: KEYS, type: "EncryptionAtRestWithCustomerKey" };
/** How disks and snapshots show an id that they were given. */
const shown = (id: string): string => id.replace("/resourceGroups/rg", "/resourceGroups/RG");
const SHOWN_KEYS = { ...WITH_KEYS, diskEncryptionSetId: shown(KEYS) };

function aLinkedModel(): ModelFixture {
  const azure = aModel();
  azure.finish("PUT", "diskEncryptionSets/keys", {
    location: "eastus",
    identity: { type: "SystemAssigned" },
    properties: { activeKey: { keyUrl: "https://vault.vault.azure.net/keys/key/1" } },
  });
  azure.finish("PUT", "diskAccesses/private", { location: "eastus" });
  azure.finish("PUT", "disks/data", diskBody());
  azure.finish("PUT", "disks/secret", diskBody({ properties: { encryption: WITH_KEYS, osType: "Linux" } }));
  return azure;
}

function snapshotBody(disk: string, properties: Record<string, Json> = {}): Json {
  const creationData = { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/${disk}` };
  return { location: "eastus", properties: { creationData, incremental: true, ...properties } };
}

describe("a snapshot", () => {
  const properties = (
    azure: ModelFixture,
    path: string,
    ...members: readonly string[]
  ): readonly unknown[] => {
    const { body } = azure.send("GET", path);
    return members.map((member) => at(body, "properties", member));
  };

  it("is encrypted as its disk, unless it names a set, and says what the disk has", () => {
    const azure = aLinkedModel();
    azure.finish("PUT", "snapshots/inherits", snapshotBody("secret"));
    azure.finish("PUT", "snapshots/names", snapshotBody("data", { encryption: WITH_KEYS }));
    azure.finish("PUT", "snapshots/again", {
      ...(snapshotBody("data") as object),
      properties: {
        creationData: { createOption: "Copy", sourceResourceId: `${COMPUTE}/snapshots/inherits` },
        incremental: true,
      },
    });
    assert.deepEqual(properties(azure, "snapshots/inherits", "encryption", "osType"), [SHOWN_KEYS, "Linux"]);
    assert.deepEqual(properties(azure, "snapshots/again", "encryption", "osType"), [SHOWN_KEYS, "Linux"]);
    assert.deepEqual(properties(azure, "snapshots/names", "encryption", "osType"), [SHOWN_KEYS, undefined]);
    const missing = snapshotBody("data", { encryption: { ...WITH_KEYS, diskEncryptionSetId: `${KEYS}2` } });
    assert.equal(azure.send("PUT", "snapshots/wrong", missing).status, 404);
  });

  it("keeps the encryption set and the disk access that it names", () => {
    const azure = aLinkedModel();
    azure.finish("DELETE", "disks/secret");
    const links = { encryption: WITH_KEYS, networkAccessPolicy: "AllowPrivate", diskAccessId: PRIVATE };
    azure.finish("PUT", "snapshots/private", snapshotBody("data", links));
    assert.deepEqual(properties(azure, "snapshots/private", "diskAccessId"), [shown(PRIVATE)]);
    for (const path of ["diskEncryptionSets/keys", "diskAccesses/private"])
      assert.equal(azure.send("DELETE", path).status, 409, path);
    const { body } = azure.send("GET", "diskEncryptionSets/keys/associatedResources");
    assert.deepEqual(at(body, "value"), [`${shown(COMPUTE)}/snapshots/PRIVATE`]);
    azure.finish("PATCH", "snapshots/private", {
      sku: { name: "Standard_LRS" },
      properties: { networkAccessPolicy: "DenyAll" },
    });
    assert.deepEqual(properties(azure, "snapshots/private", "diskAccessId"), [undefined]);
    assert.equal(at(azure.send("GET", "snapshots/private").body, "sku", "name"), "Standard_LRS");
    assert.equal(azure.send("DELETE", "diskAccesses/private").status, 202);
  });

  it("needs a disk access for private access only", () => {
    const azure = aLinkedModel();
    for (const [wrong, code] of [
      [{ networkAccessPolicy: "AllowPrivate" }, "InvalidParameter"],
      [{ diskAccessId: PRIVATE }, "ConflictingUserInput"],
    ] as const)
      assert.equal(codeOf(azure.send("PUT", "snapshots/wrong", snapshotBody("data", wrong)).body), code);
  });
});

describe("a disk", () => {
  it("leaves its disk access with another network access policy", () => {
    const azure = aLinkedModel();
    azure.finish("PATCH", "disks/data", {
      properties: { networkAccessPolicy: "AllowPrivate", diskAccessId: PRIVATE },
    });
    assert.equal(azure.send("DELETE", "diskAccesses/private").status, 409);
    azure.finish("PATCH", "disks/data", { properties: { networkAccessPolicy: "AllowAll" } });
    assert.equal(at(azure.send("GET", "disks/data").body, "properties", "diskAccessId"), undefined);
    assert.equal(azure.send("DELETE", "diskAccesses/private").status, 202);
  });
});
