import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aModel, codeOf, COMPUTE, diskBody, etagOf, type ModelFixture } from "../testing/model-fixture.ts";
import { at, type Json } from "./json.ts";

const GROUP = "/subscriptions/sub-1/resourceGroups/rg";
const TAGS = "/providers/Microsoft.Resources/tags/default";

function furnished(): ModelFixture {
  const azure = aModel({ virtualMachines: [{ name: "node-a" }] });
  azure.finish("PUT", "disks/data", diskBody());
  azure.finish("PUT", "snapshots/snap", {
    location: "eastus",
    properties: { creationData: { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/data` } },
  });
  azure.send("PUT", "availabilitySets/set", { location: "eastus" });
  azure.finish("PUT", "virtualMachineScaleSets/pool", {
    location: "eastus",
    sku: { name: "Standard_D2s_v5", capacity: 1 },
  });
  azure.finish("PUT", "diskAccesses/access", { location: "eastus" });
  return azure;
}

function patch(azure: ModelFixture, operation: string, tags: Json, path = "disks/data"): Json | undefined {
  return azure.send("PATCH", `${path}${TAGS}`, { operation, properties: { tags } }).body;
}

const SCOPES = [
  `${COMPUTE}/disks/data`,
  `${COMPUTE}/snapshots/snap`,
  `${COMPUTE}/virtualMachines/node-a`,
  `${COMPUTE}/virtualMachineScaleSets/pool`,
  `${COMPUTE}/availabilitySets/set`,
  `${COMPUTE}/diskAccesses/access`,
  GROUP,
];

describe("the tags of a resource or a group", () => {
  for (const scope of SCOPES)
    it(`are a resource of their own: ${scope.split("/").slice(-2).join("/")}`, () => {
      const azure = furnished();
      const rendered = (tags: Json): Json => ({
        id: `${scope}${TAGS}`,
        name: "default",
        type: "Microsoft.Resources/tags",
        properties: { tags },
      });
      assert.deepEqual(azure.send("GET", `${scope}${TAGS}`).body, rendered({}));
      const put = azure.send("PUT", `${scope}${TAGS}`, { properties: { tags: { team: "storage" } } });
      assert.deepEqual([put.status, put.body], [200, rendered({ team: "storage" })]);
      assert.deepEqual(at(azure.send("GET", scope).body, "tags"), { team: "storage" });
      assert.deepEqual(
        patch(azure, "Merge", { use: "test" }, scope),
        rendered({ team: "storage", use: "test" }),
      );
      const deleted = azure.send("DELETE", `${scope}${TAGS}`);
      assert.deepEqual([deleted.status, deleted.body], [200, undefined]);
      assert.deepEqual(at(azure.send("GET", scope).body, "tags"), {});
    });

  it("are merged, replaced, and deleted by name or by name and value, in any case", () => {
    const azure = furnished();
    const tags = (body: Json | undefined): Json | undefined => at(body, "properties", "tags");
    assert.deepEqual(tags(patch(azure, "replace", { a: "1", b: "2", c: "3" })), { a: "1", b: "2", c: "3" });
    assert.deepEqual(tags(patch(azure, "Merge", { A: "4" })), { b: "2", c: "3", A: "4" });
    assert.deepEqual(tags(patch(azure, "Delete", { B: "", c: "other" })), { c: "3", A: "4" });
    assert.deepEqual(tags(patch(azure, "DELETE", { c: "3" })), { A: "4" });
  });

  it("are refused as those of a resource are, and where the resource is not there", () => {
    const azure = furnished();
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`tag${index}`, ""]));
    azure.send("PUT", `disks/data${TAGS}`, { properties: { tags: many } });
    const refusals: readonly (readonly [Json | undefined, string])[] = [
      [patch(azure, "Merge", { another: "" }), "InvalidTags"],
      [patch(azure, "Merge", { "a/b": "" }), "InvalidTagNameCharacters"],
      [patch(azure, "Merge", { a: { b: "c" } }), "InvalidRequestContent"],
      [patch(azure, "Rename", { a: "b" }), "InvalidRequestContent"],
      [patch(azure, "Merge", null), "InvalidRequestContent"],
      [patch(azure, "Merge", {}, "disks/none"), "ResourceNotFound"],
      [patch(azure, "Merge", {}, "galleries/none"), "ResourceNotFound"],
      [patch(azure, "Merge", {}, `${GROUP}2`), "ResourceGroupNotFound"],
    ];
    assert.deepEqual(
      refusals.map(([body]) => codeOf(body)),
      refusals.map(([, code]) => code),
    );
  });

  it("of a VM move its ETag, and wait for its other write", () => {
    const azure = furnished();
    const before = etagOf(azure, "node-a");
    patch(azure, "Merge", { a: "b" }, "virtualMachines/node-a");
    assert.notEqual(etagOf(azure, "node-a"), before);
    azure.send("POST", "virtualMachines/node-a/powerOff");
    assert.equal(codeOf(patch(azure, "Merge", { a: "c" }, "virtualMachines/node-a")), "Conflict");
    azure.settle();
    assert.equal(codeOf(patch(azure, "Merge", { a: "c" }, "virtualMachines/node-a")), undefined);
  });

  it("are kept by a later write that does not name them", () => {
    const azure = furnished();
    patch(azure, "Merge", { a: "b" });
    azure.finish("PATCH", "disks/data", { properties: { diskSizeGB: 256 } });
    assert.deepEqual(at(azure.send("GET", "disks/data").body, "tags"), { a: "b" });
  });

  it("need rights on tags alone", () => {
    const permissions = (action: string): object => ({
      permissions: { "*": ["Microsoft.Compute/*", action] },
    });
    for (const [action, expected] of [
      ["Microsoft.Resources/tags/*", undefined],
      ["Microsoft.Resources/tags/read", "AuthorizationFailed"],
    ] as const) {
      const azure = furnished();
      azure.model.handle({
        method: "PATCH",
        path: "/emulator/v1/settings",
        body: permissions(action) as Json,
      });
      assert.equal(codeOf(patch(azure, "Merge", { a: "b" })), expected);
    }
  });
});
