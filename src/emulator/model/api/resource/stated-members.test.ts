import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aModel, codeOf, COMPUTE, diskBody, type ModelFixture } from "../../testing/model-fixture.ts";
import { at, type Json, objectAt } from "../json.ts";

const GROUP = "/subscriptions/sub-1/resourceGroups/rg";
const TAGS = { team: "storage" };
const IDENTITY = { type: "SystemAssigned" };

function furnished(): ModelFixture {
  const azure = aModel({ virtualMachines: [] });
  const location = "eastus";
  const put = (path: string, body: object): void => {
    const { status } = azure.send("PUT", path, { location, tags: TAGS, ...body });
    assert.ok(status < 300, path);
    azure.settle();
  };
  put(GROUP, {});
  put("disks/disk", diskBody() as object);
  put("snapshots/snapshot", {
    properties: { creationData: { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/disk` } },
  });
  put("availabilitySets/set", {});
  put("diskAccesses/access", {});
  put("virtualMachines/vm", { identity: IDENTITY, properties: { networkProfile: {} } });
  put("virtualMachineScaleSets/pool", {
    identity: IDENTITY,
    sku: { name: "Standard_D2s_v5", capacity: 0 },
  });
  return azure;
}

describe("what a write sets to null", () => {
  for (const path of [
    GROUP,
    "disks/disk",
    "snapshots/snapshot",
    "availabilitySets/set",
    "diskAccesses/access",
    "virtualMachines/vm",
    "virtualMachineScaleSets/pool",
  ])
    it(`goes: the tags of ${path.split("/").at(-2) ?? ""}`, () => {
      const azure = furnished();
      const tags = (): Json | undefined => at(azure.send("GET", path).body, "tags");
      azure.finish("PATCH", path, {});
      assert.deepEqual(tags(), TAGS);
      azure.finish("PATCH", path, { tags: null });
      assert.deepEqual(tags(), {});
    });

  for (const path of ["virtualMachines/vm", "virtualMachineScaleSets/pool"])
    it(`goes: the identity of ${path.split("/")[0] ?? ""}`, () => {
      const azure = furnished();
      azure.finish("PATCH", path, { tags: {} });
      assert.equal(at(azure.send("GET", path).body, "identity", "type"), "SystemAssigned");
      azure.finish("PATCH", path, { identity: null });
      assert.equal(at(azure.send("GET", path).body, "identity"), undefined);
    });

  it("is refused where it is needed: the identity of an encryption set", () => {
    const azure = furnished();
    const properties = { activeKey: { keyUrl: "https://vault/keys/k" } };
    azure.finish("PUT", "diskEncryptionSets/keys", { location: "eastus", identity: IDENTITY, properties });
    const refused = azure.send("PATCH", "diskEncryptionSets/keys", { identity: null });
    assert.deepEqual([refused.status, codeOf(refused.body)], [400, "InvalidParameter"]);
  });
});

describe("a user-assigned identity", () => {
  const [ONE, TWO] = ["/identities/one", "/identities/two"];
  const both = { type: "UserAssigned", userAssignedIdentities: { [ONE]: {}, [TWO]: {} } };

  for (const [path, body] of [
    ["virtualMachines/with", { properties: { networkProfile: {} } }],
    ["virtualMachineScaleSets/with", { sku: { name: "Standard_D2s_v5", capacity: 0 } }],
  ] as const)
    it(`stays where a PATCH leaves it out, and goes with null: ${path.split("/")[0] ?? ""}`, () => {
      const azure = furnished();
      const assigned = (): readonly string[] =>
        Object.keys(objectAt(azure.send("GET", path).body, "identity", "userAssignedIdentities") ?? {});
      azure.finish("PUT", path, { location: "eastus", identity: both, ...body });
      azure.finish("PATCH", path, {
        identity: { type: "SystemAssigned, UserAssigned", userAssignedIdentities: { [TWO]: null } },
      });
      assert.deepEqual(assigned(), [ONE]);
      azure.finish("PATCH", path, {
        identity: { type: "UserAssigned", userAssignedIdentities: { [TWO]: {} } },
      });
      assert.deepEqual(assigned(), [ONE, TWO]);
      azure.finish("PUT", path, {
        location: "eastus",
        identity: { type: "UserAssigned", userAssignedIdentities: { [TWO]: {} } },
      });
      assert.deepEqual(assigned(), [TWO]);
      azure.finish("PATCH", path, { identity: IDENTITY });
      assert.deepEqual(assigned(), []);
    });

  it("is named in any case, and stays where a PATCH states no type", () => {
    const azure = furnished();
    const path = "virtualMachines/with";
    const shown = (): readonly unknown[] => {
      const { body } = azure.send("GET", path);
      return [
        at(body, "identity", "type"),
        ...Object.keys(objectAt(body, "identity", "userAssignedIdentities") ?? {}),
      ];
    };
    azure.finish("PUT", path, { location: "eastus", identity: both, properties: { networkProfile: {} } });
    azure.finish("PATCH", path, { identity: { userAssignedIdentities: { [TWO.toUpperCase()]: null } } });
    assert.deepEqual(shown(), ["UserAssigned", ONE]);
    azure.finish("PATCH", path, { identity: { userAssignedIdentities: { [ONE.toUpperCase()]: {} } } });
    assert.deepEqual(shown(), ["UserAssigned", ONE.toUpperCase()]);
  });

  it("has the same principal and client wherever it is assigned", () => {
    const azure = furnished();
    const shown = ["a", "b"].map((name) => {
      const properties = { networkProfile: {} };
      azure.finish("PUT", `virtualMachines/${name}`, { location: "eastus", identity: both, properties });
      return objectAt(
        azure.send("GET", `virtualMachines/${name}`).body,
        "identity",
        "userAssignedIdentities",
      );
    });
    assert.deepEqual(shown[0], shown[1]);
    const ids = [ONE, TWO].flatMap((id) =>
      Object.values(objectAt(shown[0]?.[id]) ?? {}).map((value) => JSON.stringify(value)),
    );
    assert.equal(new Set(ids).size, 4);
    for (const id of ids) assert.match(id, /^"[0-9a-f-]{36}"$/);
  });
});
