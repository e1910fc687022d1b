import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, type JsonObject, objectAt, textAt } from "../api/json.ts";
import { aModel, COMPUTE, diskBody, type ModelFixture } from "../testing/model-fixture.ts";

const ID = `${COMPUTE}/diskEncryptionSets/keys`;
const activeKey = { keyUrl: "https://vault.vault.azure.net/keys/key/1" };
const keys: Json = { location: "East US", identity: { type: "SystemAssigned" }, properties: { activeKey } };
const encrypted = diskBody({ properties: { encryption: { diskEncryptionSetId: ID } } });

function answer(azure: ModelFixture, ...call: Parameters<ModelFixture["send"]>): readonly unknown[] {
  const { status, body } = azure.send(...call);
  return [status, textAt(body, "error", "code") ?? textAt(body, "properties", "provisioningState")];
}

describe("disk encryption sets and disk accesses", () => {
  it("are made, read, changed, listed and deleted by operations", () => {
    const azure = aModel();
    assert.deepEqual(answer(azure, "PUT", "diskEncryptionSets/keys", keys), [202, "Updating"]);
    azure.settle();
    const { body } = azure.send("GET", "diskEncryptionSets/KEYS");
    assert.deepEqual(
      [textAt(body, "id"), textAt(body, "type"), textAt(body, "location"), at(body, "properties")],
      [
        ID,
        "Microsoft.Compute/diskEncryptionSets",
        "eastus",
        {
          encryptionType: "EncryptionAtRestWithCustomerKey",
          activeKey,
          provisioningState: "Succeeded",
        },
      ],
    );
    const principal = textAt(body, "identity", "principalId");
    assert.notEqual(principal, undefined, "keys are granted to its principal");
    azure.finish("PATCH", "diskEncryptionSets/keys", {
      tags: { team: "a" },
      identity: { type: "SystemAssigned" },
      properties: { rotationToLatestKeyVersionEnabled: true },
    });
    const changed = azure.send("GET", "diskEncryptionSets/keys").body;
    assert.deepEqual(
      [
        at(changed, "tags"),
        at(changed, "properties", "rotationToLatestKeyVersionEnabled"),
        at(changed, "properties", "activeKey"),
        textAt(changed, "identity", "principalId"),
      ],
      [{ team: "a" }, true, activeKey, principal],
    );
    azure.finish("PUT", "diskAccesses/access", { location: "eastus" });
    const namesIn = (path: string): readonly unknown[] =>
      (at(azure.send("GET", path).body, "value") as readonly Json[]).map((item) => textAt(item, "name"));
    assert.deepEqual([namesIn("diskEncryptionSets"), namesIn("diskAccesses")], [["keys"], ["access"]]);
    azure.finish("DELETE", "diskEncryptionSets/keys");
    assert.deepEqual(answer(azure, "GET", "diskEncryptionSets/keys"), [404, "ResourceNotFound"]);
    assert.deepEqual(answer(azure, "DELETE", "diskEncryptionSets/keys"), [204, undefined]);
  });

  // Recorded: see keysOf.
  it("show of their keys what was ever so, and when the key was replaced", () => {
    const azure = aModel();
    const properties = { activeKey, rotationToLatestKeyVersionEnabled: false };
    const shown = (change: Readonly<Record<string, Json>>): readonly unknown[] => {
      azure.finish("PUT", "diskEncryptionSets/keys", {
        location: "eastus",
        identity: { type: "SystemAssigned,UserAssigned" },
        properties: { ...properties, ...change },
      });
      const { body } = azure.send("GET", "diskEncryptionSets/keys");
      return [
        at(body, "properties", "rotationToLatestKeyVersionEnabled"),
        textAt(body, "properties", "lastKeyRotationTimestamp") !== undefined,
        textAt(body, "identity", "type"),
      ];
    };
    const both = "SystemAssigned, UserAssigned";
    assert.deepEqual(shown({}), [undefined, false, both]);
    assert.deepEqual(shown({ rotationToLatestKeyVersionEnabled: true }), [true, false, both]);
    assert.deepEqual(shown({}), [false, false, both]);
    const next = { keyUrl: "https://vault.vault.azure.net/keys/key/2" };
    assert.deepEqual(shown({ activeKey: next }), [false, true, both]);
    const { body } = azure.send("GET", "diskEncryptionSets/keys?api-version=2020-09-30");
    assert.equal(at(body, "properties", "lastKeyRotationTimestamp"), undefined, "it came with 2020-12-01");
  });

  it("can be changed further once a PATCH has taken their identity", () => {
    const azure = aModel();
    const present = (member: string): unknown =>
      at(azure.send("GET", "diskEncryptionSets/keys").body, member);
    azure.finish("PUT", "diskEncryptionSets/keys", keys);
    azure.finish("PATCH", "diskEncryptionSets/keys", { identity: { type: "None" } });
    assert.equal(present("identity"), undefined);
    azure.finish("PATCH", "diskEncryptionSets/keys", { tags: { a: "b" } });
    assert.deepEqual([present("tags"), present("identity")], [{ a: "b" }, undefined]);
  });

  // From sessions of az (2025: test_disk_encryption_set_identity, test_disk_access) and of Azure PowerShell
  // (2020, 2021: TestDiskEncryptionSet, TestAutomaticKeyRotation, TestDiskAccessObject).
  it("repeat a PUT in the first answer, and show what is there in that to a PATCH", () => {
    const azure = aModel();
    const stated = { ...(keys as JsonObject), location: "eastus", tags: { a: "b" } };
    assert.deepEqual(azure.send("PUT", "diskEncryptionSets/keys", stated).body, {
      ...stated,
      properties: { activeKey, provisioningState: "Updating" },
    });
    azure.settle();
    const present = azure.send("GET", "diskEncryptionSets/keys").body as JsonObject;
    const tags = { c: "d" };
    assert.deepEqual(azure.send("PUT", "diskEncryptionSets/keys", { ...stated, tags }).body, {
      ...stated,
      tags,
      properties: { activeKey, provisioningState: "Updating" },
    });
    azure.settle();
    const rotated = { properties: { rotationToLatestKeyVersionEnabled: true } };
    assert.deepEqual(azure.send("PATCH", "diskEncryptionSets/keys", rotated).body, {
      ...present,
      tags,
      properties: { ...objectAt(present, "properties"), provisioningState: "Updating" },
    });
    const named = {
      id: `${COMPUTE}/diskAccesses/access`,
      name: "access",
      type: "Microsoft.Compute/diskAccesses",
      location: "eastus",
    };
    assert.deepEqual(azure.send("PUT", "diskAccesses/access", { location: "East US" }).body, named);
    azure.settle();
    const restated = { location: "eastus", properties: {}, tags };
    assert.deepEqual(azure.send("PUT", "diskAccesses/access", restated).body, { ...named, ...restated });
  });

  it("ask for no pause before the first poll, and count no PATCH", () => {
    const azure = aModel();
    const headersOf = (...call: Parameters<ModelFixture["send"]>): readonly unknown[] => {
      const { headers } = azure.send(...call);
      azure.settle();
      return [headers["retry-after"], headers["x-ms-ratelimit-remaining-resource"]?.split(";")[0]];
    };
    assert.deepEqual(
      [
        headersOf("PUT", "diskEncryptionSets/keys", keys),
        headersOf("PATCH", "diskEncryptionSets/keys", { tags: { a: "b" } }),
        headersOf("PUT", "diskAccesses/access", { location: "eastus" }),
      ],
      [
        [undefined, "Microsoft.Compute/CreateUpdateHighCostDiskEncryptionSet3Min"],
        [undefined, undefined],
        [undefined, "Microsoft.Compute/HighCostDiskAccess3Min"],
      ],
    );
  });

  it("have no application of another tenant once it is `None`, and no empty tags", () => {
    const azure = aModel();
    const federated = (federatedClientId: string): Json => ({
      ...(keys as JsonObject),
      tags: {},
      properties: { activeKey, federatedClientId },
    });
    const told = (): readonly unknown[] => {
      const { body } = azure.send("GET", "diskEncryptionSets/keys");
      return [at(body, "properties", "federatedClientId"), at(body, "tags")];
    };
    azure.finish("PUT", "diskEncryptionSets/keys", federated("application"));
    assert.deepEqual(told(), ["application", undefined]);
    azure.finish("PUT", "diskEncryptionSets/keys", federated("None"));
    assert.deepEqual(told(), [undefined, undefined]);
    azure.finish("PUT", "diskEncryptionSets/keys", federated("application"));
    // As Terraform removes it.
    azure.finish("PATCH", "diskEncryptionSets/keys", { properties: { federatedClientId: "None" } });
    assert.deepEqual(told(), [undefined, undefined]);
  });

  it("must exist for a disk that names them, and stay while it does", () => {
    const azure = aModel();
    assert.deepEqual(answer(azure, "PUT", "disks/pvc-1", encrypted), [404, "NotFound"]);
    const isPrivate = { networkAccessPolicy: "AllowPrivate", diskAccessId: `${COMPUTE}/diskAccesses/access` };
    const accessed = diskBody({ properties: isPrivate });
    assert.deepEqual(answer(azure, "PUT", "disks/pvc-1", accessed), [404, "NotFound"]);
    azure.finish("PUT", "disks/pvc-1", diskBody());
    assert.deepEqual(answer(azure, "PATCH", "disks/pvc-1", { properties: isPrivate }), [404, "NotFound"]);

    azure.finish("PUT", "diskEncryptionSets/keys", keys);
    azure.finish("PUT", "disks/pvc-2", encrypted);
    const { body } = azure.send("GET", "diskEncryptionSets/keys/associatedResources");
    // Recorded (az's test_disk_encryption_set_snapshot, 2022): with groups and names in upper case.
    const inUpperCase = COMPUTE.replace("/resourceGroups/rg/", "/resourceGroups/RG/");
    assert.deepEqual(at(body, "value"), [`${inUpperCase}/disks/PVC-2`]);
    assert.deepEqual(answer(azure, "DELETE", "diskEncryptionSets/keys"), [409, "OperationNotAllowed"]);
    azure.finish("DELETE", "disks/pvc-2");
    azure.finish("DELETE", "diskEncryptionSets/keys");
    assert.deepEqual(answer(azure, "GET", "diskEncryptionSets/keys"), [404, "ResourceNotFound"]);
  });

  it("can't be named by a disk while they are made or deleted, nor as another type", () => {
    const azure = aModel();
    azure.send("PUT", "diskEncryptionSets/keys", keys);
    assert.deepEqual(answer(azure, "PUT", "disks/pvc-1", encrypted), [404, "NotFound"]);
    azure.settle();
    azure.send("DELETE", "diskEncryptionSets/keys");
    assert.deepEqual(answer(azure, "PUT", "disks/pvc-1", encrypted), [404, "NotFound"]);
    azure.settle();
    azure.finish("PUT", "diskAccesses/keys", { location: "eastus" });
    const diskEncryptionSetId = `${COMPUTE}/diskAccesses/keys`;
    const wrong = diskBody({ properties: { encryption: { diskEncryptionSetId } } });
    assert.deepEqual(answer(azure, "PUT", "disks/pvc-1", wrong), [404, "NotFound"]);
  });

  it("are refused changes that leave no usable set", () => {
    const azure = aModel();
    azure.finish("PUT", "diskEncryptionSets/keys", keys);
    for (const properties of [{ encryptionType: "None" }, { activeKey: {} }])
      assert.deepEqual(answer(azure, "PATCH", "diskEncryptionSets/keys", { properties }), [
        400,
        "InvalidParameter",
      ]);
  });

  const refused: readonly { readonly because: string; readonly body: Json; readonly code: string }[] = [
    { because: "no location", body: { properties: { activeKey } }, code: "LocationRequired" },
    {
      because: "no identity",
      body: { location: "eastus", properties: { activeKey } },
      code: "InvalidParameter",
    },
    {
      because: "no key",
      body: { location: "eastus", identity: { type: "SystemAssigned" } },
      code: "InvalidParameter",
    },
    {
      because: "a type of encryption that there is not",
      body: {
        location: "eastus",
        identity: { type: "SystemAssigned" },
        properties: { activeKey, encryptionType: "EncryptionAtRestWithPlatformKey" },
      },
      code: "InvalidParameter",
    },
  ];
  for (const { because, body, code } of refused)
    it(`are refused with ${because}`, () => {
      const azure = aModel();
      assert.deepEqual(answer(azure, "PUT", "diskEncryptionSets/keys", body), [400, code]);
      assert.deepEqual(answer(azure, "GET", "diskEncryptionSets/keys"), [404, "ResourceNotFound"]);
    });

  it("refuse a second write during the first, and a failed one leaves what was", () => {
    const azure = aModel();
    azure.send("PUT", "diskEncryptionSets/keys", keys);
    assert.deepEqual(answer(azure, "PATCH", "diskEncryptionSets/keys", { tags: {} }), [409, "Conflict"]);
    assert.deepEqual(answer(azure, "DELETE", "diskEncryptionSets/keys"), [409, "Conflict"]);
    azure.settle();
    azure.model.faults.add({
      operation: "DiskEncryptionSets_*",
      effect: { kind: "FailOperation", code: "InternalOperationError" },
    });
    azure.finish("PATCH", "diskEncryptionSets/keys", { tags: { a: "b" } });
    assert.equal(at(azure.send("GET", "diskEncryptionSets/keys").body, "tags"), undefined);
    assert.deepEqual(answer(azure, "GET", "diskEncryptionSets/keys"), [200, "Failed"]);
    azure.finish("DELETE", "diskEncryptionSets/keys");
    assert.deepEqual(answer(azure, "GET", "diskEncryptionSets/keys"), [200, "Failed"]);
  });
});
