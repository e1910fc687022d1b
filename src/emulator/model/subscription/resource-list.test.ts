import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, textAt } from "../api/json.ts";
import { aModel, codeOf, diskBody, type ModelFixture } from "../testing/model-fixture.ts";

const GROUPS = "/subscriptions/sub-1/resourceGroups";

function namesIn(azure: ModelFixture, path: string): readonly (string | undefined)[] {
  const { body } = azure.send("GET", path);
  return (at(body, "value") as readonly Json[]).map((resource) => textAt(resource, "name"));
}

describe("the resources of a group", () => {
  function someResources(): ModelFixture {
    const azure = aModel({
      settings: { osDisks: false },
      virtualMachines: [{ name: "node-a" }, { name: "other", resourceGroup: "rg2" }],
    });
    azure.finish("PUT", "disks/data", { ...(diskBody() as object), tags: { team: "storage" } });
    azure.finish("PUT", "availabilitySets/set", { location: "eastus" });
    azure.finish("PUT", "virtualMachineScaleSets/pool", {
      location: "eastus",
      sku: { name: "Standard_D8s_v5", capacity: 1 },
    });
    return azure;
  }

  it("are listed in one list, which Terraform reads before it deletes the group", () => {
    const azure = someResources();
    const { body } = azure.send("GET", `${GROUPS}/rg/resources?$expand=provisioningState&$top=10`);
    const listed = at(body, "value") as readonly Json[];
    assert.deepEqual(
      listed.map((resource) => [textAt(resource, "name"), textAt(resource, "type")]),
      [
        ["set", "Microsoft.Compute/availabilitySets"],
        ["data", "Microsoft.Compute/disks"],
        ["node-a", "Microsoft.Compute/virtualMachines"],
        ["pool", "Microsoft.Compute/virtualMachineScaleSets"],
      ],
    );
    const [, disk] = listed;
    assert.deepEqual(
      ["id", "location", "tags", "sku", "provisioningState", "properties"].map((member) => at(disk, member)),
      [
        `${GROUPS}/rg/providers/Microsoft.Compute/disks/data`,
        "eastus",
        { team: "storage" },
        { name: "Premium_LRS", tier: "Premium" },
        "Succeeded",
        undefined,
      ],
    );
    assert.equal(azure.send("GET", `${GROUPS}/none/resources`).status, 404);
  });

  it("are listed for a subscription, by a filter, and page by page", () => {
    const azure = someResources();
    const all = "/subscriptions/sub-1/resources";
    assert.equal(namesIn(azure, all).length, 5);
    for (const [filter, names] of [
      ["resourceType eq 'microsoft.compute/DISKS'", ["data"]],
      ["tagName eq 'team' and tagValue eq 'storage'", ["data"]],
      ["tagName eq 'team' and tagValue eq 'network'", []],
      ["substringof('o', name) and resourceGroup eq 'RG2'", ["other"]],
      ["name eq 'set' and location eq 'eastus'", ["set"]],
      ["name eq 'set' or name eq 'data'", ["set", "data"]],
      ["resourceType ne 'Microsoft.Compute/disks' and startswith(tagName, 'te')", []],
    ] as const)
      assert.deepEqual(namesIn(azure, `${all}?$filter=${filter}`), names, filter);
    const tagged = at(azure.send("GET", `${all}?$filter=tagName eq 'team'`).body, "value") as readonly Json[];
    assert.deepEqual(
      tagged.map((resource) => at(resource, "tags")),
      [undefined],
    );
    const refused = azure.send("GET", `${all}?$filter=color eq 'red'`);
    assert.deepEqual([refused.status, codeOf(refused.body)], [400, "InvalidFilterInQueryString"]);
    for (const top of ["0", "-1", "x", "1.5", "1e9", "2147483648", ""]) {
      const { status, body } = azure.send("GET", `${all}?$top=${top}`);
      assert.deepEqual([status, codeOf(body)], [400, "InvalidTopInQueryString"], top);
    }
    assert.equal(namesIn(azure, `${all}?$top=1000000000`).length, 5);
    const first = azure.send("GET", `${all}?$top=2`).body;
    const next = new URL(textAt(first, "nextLink") ?? "");
    assert.equal((at(first, "value") as readonly Json[]).length, 2);
    assert.equal(namesIn(azure, `${next.pathname}${next.search}`).length, 2);
    const filtered = azure.send("GET", `${all}?$top=1&$filter=substringof('a', name)`).body;
    const more = new URL(textAt(filtered, "nextLink") ?? "");
    assert.deepEqual(namesIn(azure, `${more.pathname}${more.search}`), ["node-a"]);
  });

  it("say when they were made, on request, and have every type but uniform instances", () => {
    const azure = someResources();
    azure.finish("PUT", "diskAccesses/private", { location: "eastus" });
    azure.finish("PUT", "snapshots/of-data", {
      location: "eastus",
      properties: {
        creationData: {
          createOption: "Copy",
          sourceResourceId: `${GROUPS}/rg/providers/Microsoft.Compute/disks/data`,
        },
        incremental: true,
      },
    });
    const { body } = azure.send("GET", `${GROUPS}/rg/resources?$expand=createdTime`);
    const listed = at(body, "value") as readonly Json[];
    assert.deepEqual(
      new Set(listed.map((resource) => textAt(resource, "type")?.split("/")[1])),
      new Set([
        ...["availabilitySets", "diskAccesses", "disks", "snapshots", "virtualMachineScaleSets"],
        "virtualMachines",
      ]),
    );
    const times = listed.map((resource) => [
      textAt(resource, "name"),
      at(resource, "createdTime") !== undefined,
    ]);
    assert.deepEqual(
      times.filter(([, known]) => known === false),
      [["set", false]],
      "the emulator does not keep when an availability set was made",
    );
    assert.ok(listed.every((resource) => at(resource, "provisioningState") === undefined));
  });

  it("are rendered only on the page that has them", () => {
    const azure = aModel({ virtualMachines: [] });
    const rendered: string[] = [];
    const { disks } = azure.model.world;
    for (const name of ["a", "b", "c", "d"]) {
      azure.finish("PUT", `disks/${name}`, { ...(diskBody() as object), tags: { team: name } });
      for (const [key, disk] of disks)
        if (disk.name === name)
          disks.set(key, {
            ...disk,
            get creationData() {
              rendered.push(name);
              return disk.creationData;
            },
          });
    }
    const all = "/subscriptions/sub-1/resources";
    for (const [query, names] of [
      ["?$top=2", ["a", "b"]],
      ["?$top=1&$filter=name ne 'a'", ["b"]],
      ["?$top=1&$filter=tagName eq 'team' and tagValue eq 'd'", ["d"]],
      ["?$filter=resourceType ne 'Microsoft.Compute/disks'", []],
    ] as const) {
      rendered.length = 0;
      assert.deepEqual(namesIn(azure, all + query), names, query);
      assert.deepEqual([...new Set(rendered)], names, query);
    }
  });

  it("are found by their identity and their plan", () => {
    const azure = aModel();
    const identity = { type: "SystemAssigned" };
    const plan = { name: "appliance", publisher: "vendor", product: "storage" };
    const sku = { name: "Standard_D8s_v5", capacity: 0 };
    azure.finish("PATCH", "virtualMachines/node-a", { identity, plan });
    azure.finish("PUT", "virtualMachineScaleSets/pool", { location: "eastus", sku, identity, plan });
    const activeKey = { keyUrl: "https://vault.vault.azure.net/keys/key/1" };
    azure.finish("PUT", "diskEncryptionSets/keys", {
      location: "eastus",
      identity,
      properties: { activeKey },
    });
    const all = "/subscriptions/sub-1/resources";
    for (const path of [
      "virtualMachines/node-a",
      "virtualMachineScaleSets/pool",
      "diskEncryptionSets/keys",
    ]) {
      const { body } = azure.send("GET", path);
      const principal = textAt(body, "identity", "principalId") ?? "none";
      const found = namesIn(azure, `${all}?$filter=identity/principalId eq '${principal}'`);
      assert.deepEqual(found, [path.split("/")[1]]);
    }
    assert.deepEqual(namesIn(azure, `${all}?$filter=plan/publisher eq 'vendor'`), ["node-a", "pool"]);
  });
});

describe("resource groups", () => {
  it("get other tags by a PATCH, and are listed by tag", () => {
    const azure = aModel({ virtualMachines: [] });
    azure.send("PUT", `${GROUPS}/rg2`, { location: "westus" });
    const patched = azure.send("PATCH", `${GROUPS}/RG2`, { tags: { team: "storage" } });
    assert.deepEqual([patched.status, at(patched.body, "tags")], [200, { team: "storage" }]);
    assert.deepEqual(namesIn(azure, `${GROUPS}?$filter=tagName eq 'Team' and tagValue eq 'storage'`), [
      "rg2",
    ]);
    assert.deepEqual(namesIn(azure, `${GROUPS}?$top=1`), ["rg"]);
    const absent = azure.send("PATCH", `${GROUPS}/none`, { tags: {} });
    assert.deepEqual([absent.status, codeOf(absent.body)], [404, "ResourceGroupNotFound"]);
    const kept = azure.send("PATCH", `${GROUPS}/rg2`, {});
    assert.deepEqual([at(kept.body, "tags"), textAt(kept.body, "location")], [{ team: "storage" }, "westus"]);
    const refused = azure.send("GET", `${GROUPS}?$filter=tagName ne 'team'`);
    assert.deepEqual([refused.status, codeOf(refused.body)], [400, "InvalidFilterInQueryString"]);
  });
});

describe("the list of SKUs", () => {
  it("has each region of the subscription, unless a filter names one", () => {
    const azure = aModel({ settings: { locations: ["eastus", "West Europe"] } });
    const regions = (query: string): readonly unknown[] => {
      const { body } = azure.send("GET", `/subscriptions/sub-1/providers/Microsoft.Compute/skus${query}`);
      const places = (at(body, "value") as readonly Json[]).map(
        (sku) => at(sku, "locations") as readonly Json[],
      );
      assert.ok(places.every((locations) => locations.length === 1));
      return [...new Set(places.flat())];
    };
    assert.deepEqual(regions(""), ["eastus", "westeurope"]);
    assert.deepEqual(regions("?$filter=location eq 'westeurope'&includeExtendedLocations=true"), [
      "westeurope",
    ]);
    assert.deepEqual(regions("?$filter=location eq 'westus'"), []);
    for (const filter of [
      "resourceType eq 'disks'",
      "location ne 'eastus'",
      "location eq 'a' and name eq 'b'",
    ]) {
      const path = `/subscriptions/sub-1/providers/Microsoft.Compute/skus?$filter=${filter}`;
      const { status, body } = azure.send("GET", path);
      assert.deepEqual([status, codeOf(body)], [400, "InvalidParameter"], filter);
    }
  });
});

describe("the list of the provider's actions", () => {
  it("has each that a role can name once", () => {
    const { body } = aModel().send("GET", "/providers/Microsoft.Compute/operations");
    const actions = at(body, "value") as readonly Json[];
    const names = actions.map((action) => textAt(action, "name"));
    assert.equal(new Set(names).size, names.length);
    for (const name of ["disks/write", "virtualMachines/read", "virtualMachines/start/action"])
      assert.ok(names.includes(`Microsoft.Compute/${name}`), name);
    assert.deepEqual(at(actions[names.indexOf("Microsoft.Compute/disks/beginGetAccess/action")], "display"), {
      provider: "Microsoft.Compute",
      resource: "disks",
      operation: "beginGetAccess",
      description: "Microsoft.Compute/disks/beginGetAccess/action",
    });
  });
});
