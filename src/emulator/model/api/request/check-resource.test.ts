import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aModel, codeOf, COMPUTE, diskBody } from "../../testing/model-fixture.ts";
import { at, type Json, textAt } from "../json.ts";

const GROUP = "/subscriptions/sub-1/resourceGroups/rg";

/** A disk's body with other members. */
function bodyWith(members: Readonly<Record<string, Json>>): Json {
  return { ...(diskBody() as Readonly<Record<string, Json>>), ...members };
}

function tags(count: number): Readonly<Record<string, string>> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`tag-${index}`, ""]));
}

describe("Resource Manager refuses a resource", () => {
  const rows: readonly (readonly [why: string, body: Json, code: string, message: RegExp])[] = [
    ["that is a list", [], "InvalidRequestContent", /requires a JSON object/],
    ["that is a text", "disk", "InvalidRequestContent", /requires a JSON object/],
    [
      "with a member in Python's spelling",
      bodyWith({ disk_size_gb: 8 }),
      "InvalidRequestContent",
      /^The request content was invalid and could not be deserialized: 'Could not find member 'disk_size_gb' on object of type 'ResourceDefinition'\. Path 'disk_size_gb', line 1, position \d+\.'\.$/,
    ],
    [
      "with a SKU that has no name",
      bodyWith({ sku: { tier: "Premium" } }),
      "InvalidRequestContent",
      /^The request content was .* deserialized: Required property 'name' not found in 'sku'\.$/,
    ],
    ["with 51 tags", bodyWith({ tags: tags(51) }), "InvalidTags", /tag count - '51'.*allowed - '50'/],
    ["with a blank tag", bodyWith({ tags: { " ": "x" } }), "InvalidTagName", /non-whitespace/],
    [
      "with a tag of Kubernetes' form",
      bodyWith({ tags: { "kubernetes.io/pvc": "x", ok: "" } }),
      "InvalidTagNameCharacters",
      /^The tag names 'kubernetes\.io\/pvc' have reserved characters '<,>,%,&,\\,\?,\/' or/,
    ],
    [
      "with a tag whose name is too long",
      bodyWith({ tags: { ["n".repeat(513)]: "" } }),
      "InvalidTagName",
      /allowed length for tag name - '512' characters/,
    ],
    [
      "with a tag whose value is too long",
      bodyWith({ tags: { name: "v".repeat(257) } }),
      "InvalidTagValueLength",
      /allowed length for tag value - '256' characters/,
    ],
  ];
  for (const [why, body, code, message] of rows)
    it(why, () => {
      const azure = aModel({ settings: { osDisks: false } });
      for (const path of ["disks/d", "snapshots/s", "virtualMachines/node-a"]) {
        const answer = azure.send("PUT", path, body);
        assert.deepEqual([answer.status, codeOf(answer.body)], [400, code], path);
        assert.match(textAt(answer.body, "error", "message") ?? "", message);
        assert.equal(answer.headers["x-ms-failure-cause"], "gateway");
      }
      assert.equal(azure.model.world.disks.size, 0);
    });

  it("in a PATCH, too, and a group", () => {
    const azure = aModel();
    for (const path of ["virtualMachines/node-a", GROUP]) {
      const answer = azure.send("PATCH", path, { tags: tags(51) });
      assert.deepEqual([answer.status, codeOf(answer.body)], [400, "InvalidTags"], path);
    }
  });

  it("that is in another region, as a group that is", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/d", diskBody());
    for (const [path, code] of [
      [`${COMPUTE}/DISKS/D`, "InvalidResourceLocation"],
      ["virtualMachines/node-a", "InvalidResourceLocation"],
      [GROUP, "InvalidResourceGroupLocation"],
    ] as const) {
      const moved = azure.send("PUT", path, bodyWith({ location: "West US" }));
      assert.deepEqual([moved.status, codeOf(moved.body)], [409, code], path);
    }
    assert.equal(azure.send("PUT", GROUP, { location: "East US" }).status, 200);
    assert.equal(textAt(azure.send("GET", GROUP).body, "location"), "eastus");
    assert.equal(azure.send("PUT", "disks/d", bodyWith({ location: "East US" })).status, 202);
  });
});

describe("a value of a type that Resource Manager does not read", () => {
  const rows: readonly (readonly [members: Readonly<Record<string, Json>>, problem: string])[] = [
    [
      { tags: { a: "b", c: { d: "e" } } },
      "Error reading string. Unexpected token: StartObject. Path 'tags.c', line 1, position 22.",
    ],
    [
      { tags: "x" },
      'Error converting value "x" to type \'System.Collections.Generic.IDictionary`2[System.String,System.' +
        "String]'. Path 'tags', line 1, position 11.",
    ],
    [
      { Zones: "1" },
      "Error converting value \"1\" to type 'System.String[]'. Path 'Zones', line 1, position 12.",
    ],
    [
      { zones: [["1"]] },
      "Error reading string. Unexpected token: StartArray. Path 'zones[0]', line 1, position 11.",
    ],
    [
      { sku: { name: "Standard_D8s_v5", capacity: "x" } },
      "Could not convert string to integer: x. Path 'sku.capacity', line 1, position 47.",
    ],
    [
      { sku: { capacity: 1.5 } },
      "Input string '1.5' is not a valid integer. Path 'sku.capacity', line 1, position 22.",
    ],
    [
      { sku: { capacity: true } },
      "Error reading integer. Unexpected token: Boolean. Path 'sku.capacity', line 1, position 23.",
    ],
    [
      { sku: ["x"] },
      "Cannot deserialize the current JSON array (e.g. [1,2,3]) into type 'ResourceSku' because the type " +
        'requires a JSON object (e.g. {"name":"value"}) to deserialize correctly. ' +
        "Path 'sku', line 1, position 8.",
    ],
  ];
  for (const [members, problem] of rows)
    for (const method of ["PUT", "PATCH"] as const)
      it(`is refused: ${method} ${JSON.stringify(members)}`, () => {
        const { status, body } = aModel().send(method, "virtualMachineScaleSets/pool", members);
        assert.deepEqual(
          [status, codeOf(body), textAt(body, "error", "message")],
          [
            400,
            "InvalidRequestContent",
            `The request content was invalid and could not be deserialized: '${problem}'.`,
          ],
        );
      });
});

describe("two zones", () => {
  for (const [type, method] of [
    ["disks", "PUT"],
    ["virtualMachines", "PUT"],
    ["virtualMachines", "PATCH"],
  ] as const)
    it(`are refused by ${method} of ${type}`, () => {
      const { status, body } = aModel().send(method, `${type}/node-a`, bodyWith({ zones: ["1", "2"] }));
      assert.deepEqual(
        [status, codeOf(body), textAt(body, "error", "message")],
        [
          400,
          "ResourceTypeNotSupportMultiZones",
          `The resource type '${type}' does not support multiple availability zones. The provided zones ` +
            "are '1,2'. Please provide a single availability zone.",
        ],
      );
    });
});

describe("the position of a member that Resource Manager does not know", () => {
  const rows: readonly (readonly [because: string, body: Json, member: string, position: number])[] = [
    [
      "recorded with azure-mgmt-compute 38",
      { location: "centralus", hardware_profile: { vm_size: "Standard_DS1" } },
      "hardware_profile",
      44,
    ],
    ["recorded with azapi", { cloudConnectors: {}, publicNetworkAccess: "x" }, "cloudConnectors", 20],
  ];
  for (const [because, body, member, position] of rows)
    it(`is ${position}, as ${because}`, () => {
      const { body: refusal } = aModel().send("PUT", "virtualMachines/node-a", body);
      assert.equal(
        textAt(refusal, "error", "message"),
        "The request content was invalid and could not be deserialized: 'Could not find member " +
          `'${member}' on object of type 'ResourceDefinition'. ` +
          `Path '${member}', line 1, position ${position}.'.`,
      );
    });
});

describe("Resource Manager accepts a resource", () => {
  it("with 50 tags of the longest names and values, and with the portal's", () => {
    const azure = aModel();
    const longest = { ["n".repeat(512)]: "v".repeat(256), "hidden-link:/app?x": "y", ...tags(48) };
    azure.finish("PUT", "disks/d", bodyWith({ tags: longest }));
    assert.deepEqual(at(azure.send("GET", "disks/d").body, "tags"), longest);
  });

  it("with no SKU, and in a PATCH with a SKU that has no name", () => {
    const azure = aModel();
    const sku = { name: "Standard_D8s_v5", capacity: 1 };
    azure.finish("PUT", "disks/d", bodyWith({ sku: null }));
    assert.equal(azure.send("GET", "disks/d").status, 200);
    azure.finish("PUT", "virtualMachineScaleSets/pool", { location: "eastus", sku });
    azure.finish("PATCH", "virtualMachineScaleSets/pool", { sku: { capacity: 2 } });
    assert.deepEqual(at(azure.send("GET", "virtualMachineScaleSets/pool").body, "sku", "capacity"), 2);
  });

  it("with numbers and truth values in the place of texts", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/d", bodyWith({ zones: [1], tags: { a: 1, b: true, c: null } }));
    const { body } = azure.send("GET", "disks/d");
    assert.deepEqual([at(body, "zones"), at(body, "tags")], [["1"], { a: "1", b: "true" }]);
  });

  it("in a region by its display name, and shows the region's own", () => {
    const azure = aModel();
    const vm = { location: "East US", properties: { networkProfile: {} } };
    for (const [path, body] of [
      ["disks/d", bodyWith({ location: "East US" })],
      ["virtualMachines/vm", vm],
    ] as const) {
      azure.finish("PUT", path, body);
      assert.equal(textAt(azure.send("GET", path).body, "location"), "eastus", path);
    }
  });

  it("with all members of one that was read", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/d", diskBody({ properties: { maxShares: 2 } }));
    for (const path of ["disks/d", "virtualMachines/node-a"]) {
      const read = azure.send("GET", path).body;
      assert.ok([200, 202].includes(azure.send("PUT", path, read).status), path);
    }
  });
});

describe("a name", () => {
  const bodies: Readonly<Record<string, Json>> = {
    disks: diskBody(),
    diskAccesses: { location: "eastus" },
    availabilitySets: { location: "eastus" },
    virtualMachines: { location: "eastus", properties: { networkProfile: {} } },
    virtualMachineScaleSets: { location: "eastus", sku: { name: "Standard_D8s_v5", capacity: 0 } },
  };
  for (const [type, body] of Object.entries(bodies))
    it(`of ${type} that breaks Azure's rule is refused`, () => {
      const azure = aModel();
      for (const name of ["_a", "-a", "a-", "a.", "a b", "a$", "a".repeat(81)]) {
        const { status, body: refusal } = azure.send("PUT", `${type}/${encodeURIComponent(name)}`, body, {
          path: `${COMPUTE}/${type}/${name}`,
        });
        assert.deepEqual([status, codeOf(refusal)], [400, "InvalidParameter"], name);
        assert.match(textAt(refusal, "error", "target") ?? "", /^\w+\.name$/);
      }
      for (const name of ["a", "1_", "a-b.c_", "ä", "a".repeat(80)])
        assert.ok(azure.send("PUT", `${type}/x`, body, { path: `${COMPUTE}/${type}/${name}` }).status < 300);
    });

  it("of a disk or a new VM's disk is refused in Azure's words", () => {
    const azure = aModel();
    const disk = azure.send("PUT", `disks/${"a".repeat(81)}`, diskBody()).body;
    assert.equal(textAt(disk, "error", "message"), "The value of parameter disk.name is invalid.");
    const dataDisks = [{ lun: 0, name: "a".repeat(81), createOption: "Empty", diskSizeGB: 8 }];
    const vm = azure.send("PATCH", "virtualMachines/node-a", {
      properties: { storageProfile: { dataDisks } },
    });
    assert.deepEqual(
      [codeOf(vm.body), textAt(vm.body, "error", "message")],
      [
        "InvalidParameter",
        "The entity name 'dataDisk.name' is invalid according to its validation rule: " +
          "^[^_\\W][\\w-._]{0,79}(?<![-.])$.",
      ],
    );
  });
});
