import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, type JsonObject, listAt, objectAt, textAt } from "./api/json.ts";
import { aModel, COMPUTE, diskBody, type ModelFixture } from "./testing/model-fixture.ts";

/** From recordings of `az` against Azure, of 2023 to 2026: what it answers to the requests of these tests. */
const location = "eastus";

/** A resource as GET shows it after a PUT with these properties. */
function made(azure: ModelFixture, path: string, body: JsonObject): Json | undefined {
  azure.finish("PUT", path, { location, ...body });
  return azure.send("GET", path).body;
}

function disk(sku: string, properties: JsonObject): JsonObject {
  return { sku: { name: sku }, properties: { creationData: { createOption: "Empty" }, ...properties } };
}

/** The values of some properties. */
function shown(body: Json | undefined, ...members: readonly string[]): readonly unknown[] {
  return members.map((member) => at(body, "properties", member));
}

describe("answers as Azure was recorded to give them", () => {
  it("a write's first answer has the resource's id and type, and no zones", () => {
    const azure = aModel();
    const body = { location, tags: {}, zones: ["2"], ...disk("Premium_LRS", { diskSizeGB: 1 }) };
    assert.deepEqual(azure.send("PUT", "disks/d", body).body, {
      name: "d",
      id: `${COMPUTE}/disks/d`,
      type: "Microsoft.Compute/disks",
      location,
      tags: {},
      sku: { name: "Premium_LRS" },
      properties: {
        creationData: { createOption: "Empty" },
        diskSizeGB: 1,
        provisioningState: "Updating",
      },
    });
    azure.settle();
    const properties = { creationData: { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/d` } };
    const snapshot = azure.send("PUT", "snapshots/s", { location, properties }).body;
    assert.deepEqual(
      [at(snapshot, "id"), at(snapshot, "type")],
      [`${COMPUTE}/snapshots/s`, "Microsoft.Compute/snapshots"],
    );
  });

  it("the first answer to a PATCH is what its resource will be, not only what changes", () => {
    const azure = aModel();
    const properties = { diskSizeGB: 1024, maxShares: 2, tier: "P30", osType: "Windows" };
    azure.finish("PUT", "disks/d", { location, tags: {}, ...disk("Premium_LRS", properties) });
    const change = { tags: {}, properties: { maxShares: 3, tier: "P40" } };
    assert.deepEqual(azure.send("PATCH", "disks/d", change).body, {
      name: "d",
      id: `${COMPUTE}/disks/d`,
      type: "Microsoft.Compute/disks",
      location,
      tags: {},
      sku: { name: "Premium_LRS", tier: "Premium" },
      properties: {
        osType: "Windows",
        creationData: { createOption: "Empty" },
        diskSizeGB: 1024,
        maxShares: 3,
        tier: "P40",
        provisioningState: "Updating",
      },
    });
    azure.settle();
    assert.deepEqual(shown(azure.send("PATCH", "disks/d", { tags: {} }).body, "maxShares", "tier"), [
      3,
      "P40",
    ]);
    azure.finish("PUT", "disks/p", { location, ...disk("Premium_LRS", { diskSizeGB: 32 }) });
    assert.deepEqual(shown(azure.send("PATCH", "disks/p", { tags: {} }).body, "tier"), ["P4"]);
    const stated = { diskSizeGB: 5, diskIOPSReadOnly: 100, diskMBpsReadOnly: 3 };
    azure.finish("PUT", "disks/u", { location, zones: ["1"], ...disk("UltraSSD_LRS", stated) });
    const ultra = azure.send("PATCH", "disks/u", { properties: { diskMBpsReadOnly: 20 } }).body;
    assert.deepEqual(
      shown(ultra, "diskIOPSReadWrite", "diskMBpsReadWrite", "diskIOPSReadOnly", "diskMBpsReadOnly"),
      [100, 13, 100, 20],
    );
    const creationData = { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/d` };
    azure.finish("PUT", "snapshots/s", { location, tags: {}, properties: { creationData } });
    assert.deepEqual(azure.send("PATCH", "snapshots/s", { sku: { name: "Standard_ZRS" } }).body, {
      name: "s",
      id: `${COMPUTE}/snapshots/s`,
      type: "Microsoft.Compute/snapshots",
      location,
      tags: {},
      sku: { name: "Standard_ZRS" },
      properties: { osType: "Windows", creationData, diskSizeGB: 1024, provisioningState: "Updating" },
    });
  });

  // Azure/azure-cli, test_accelerated_network.yaml, test_disk_create_zones.yaml and test_managed_disk.yaml.
  it("repeated are only IOPS that can be set; a disk's state is in all versions", () => {
    const azure = aModel();
    const repeated = (sku: string, iops: number, mbps: number): readonly unknown[] => {
      const performance = { diskIOPSReadWrite: iops, diskMBpsReadWrite: mbps };
      azure.finish("PUT", `disks/${sku}`, { location, zones: ["1"], ...disk(sku, { diskSizeGB: 5 }) });
      const again = { location, zones: ["1"], ...disk(sku, { diskSizeGB: 5, ...performance }) };
      const { status, body: answered } = azure.send("PUT", `disks/${sku}`, again);
      return [status, ...shown(answered, "diskIOPSReadWrite", "diskMBpsReadWrite")];
    };
    assert.deepEqual(
      [repeated("Premium_LRS", 120, 25), repeated("PremiumV2_LRS", 3000, 125)],
      [
        [202, undefined, undefined],
        [202, 3000, 125],
      ],
    );
    azure.settle();
    const creationData = { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/Premium_LRS` };
    azure.finish("PUT", "snapshots/s", { location, properties: { creationData } });
    for (const path of ["disks/Premium_LRS", "snapshots/s"]) {
      const { body } = azure.send("GET", `${path}?api-version=2017-03-30`);
      assert.deepEqual(shown(body, "diskState"), ["Unattached"], path);
    }
  });

  // Azure/azure-cli, test_completion_percent.yaml.
  it("the operation of a CopyStart shows no progress, and a GET does", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/d", diskBody());
    const copied = (createOption: string, source: string): Json => ({
      location,
      properties: {
        creationData: { createOption, sourceResourceId: `${COMPUTE}/${source}` },
        incremental: true,
      },
    });
    azure.finish("PUT", "snapshots/a", copied("Copy", "disks/d"));
    const elsewhere = { ...objectAt(copied("CopyStart", "snapshots/a")), location: "westus" };
    const started = azure.finish("PUT", "snapshots/b", elsewhere);
    assert.equal(at(started, "properties", "output", "properties", "completionPercent"), undefined);
    assert.equal(
      typeof at(azure.send("GET", "snapshots/b").body, "properties", "completionPercent"),
      "number",
    );
  });

  it("empty tags are shown once a write has stated them", () => {
    const azure = aModel();
    const bodies: Readonly<Record<string, JsonObject>> = {
      "disks/d": disk("Premium_LRS", { diskSizeGB: 1 }),
      "snapshots/s": {
        properties: { creationData: { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/d` } },
      },
      "diskAccesses/a": {},
      "availabilitySets/a": {},
      "virtualMachines/v": { properties: { networkProfile: {} } },
      "virtualMachineScaleSets/s": { sku: { name: "Standard_D8s_v5", capacity: 0 } },
    };
    for (const [path, body] of Object.entries(bodies)) {
      assert.equal(at(made(azure, path, body), "tags"), undefined, path);
      assert.deepEqual(at(made(azure, path, { ...body, tags: {} }), "tags"), {}, path);
    }
  });

  it("an Ultra disk names its sectors, its shares and what readers get", () => {
    const azure = aModel();
    const read = made(azure, "disks/d", { zones: ["1"], ...disk("UltraSSD_LRS", { diskSizeGB: 10 }) });
    assert.deepEqual(
      shown(read, "diskIOPSReadWrite", "diskMBpsReadWrite", "diskIOPSReadOnly", "diskMBpsReadOnly"),
      [100, 13, 100, 13],
    );
    assert.deepEqual(shown(read, "maxShares", "creationData"), [
      1,
      { createOption: "Empty", logicalSectorSize: 4096 },
    ]);
    const stated = { diskSizeGB: 10, diskIOPSReadOnly: 250, diskMBpsReadOnly: 40 };
    const changed = made(azure, "disks/d", { zones: ["1"], ...disk("UltraSSD_LRS", stated) });
    assert.deepEqual(shown(changed, "diskIOPSReadOnly", "diskMBpsReadOnly"), [250, 40]);
  });

  it("a Premium SSD v2 says what readers get, whatever it states for writers", () => {
    const azure = aModel();
    const stated = { diskSizeGB: 1024, diskIOPSReadWrite: 10_000, diskMBpsReadWrite: 500 };
    const read = made(azure, "disks/d", { zones: ["1"], ...disk("PremiumV2_LRS", stated) });
    assert.deepEqual(shown(read, "diskIOPSReadOnly", "diskMBpsReadOnly", "maxShares"), [3000, 125, 1]);
  });

  it("an availability set of no stated SKU is classic, and its writes list no VMs", () => {
    const azure = aModel();
    const counts = { platformUpdateDomainCount: 20, platformFaultDomainCount: 2 };
    const set = {
      name: "a",
      id: `${COMPUTE}/availabilitySets/a`,
      type: "Microsoft.Compute/availabilitySets",
      location,
      properties: counts,
      sku: { name: "Classic" },
    };
    const seen = [
      azure.send("PUT", "availabilitySets/a", { location, properties: counts }),
      azure.send("PATCH", "availabilitySets/a", { properties: counts }),
      azure.send("GET", "availabilitySets/a"),
      azure.send("DELETE", "availabilitySets/a"),
    ];
    assert.deepEqual(
      seen.map(({ body }) => JSON.parse(JSON.stringify(body ?? null)) as unknown),
      [set, set, { ...set, properties: { ...counts, virtualMachines: [] } }, null],
    );
    assert.deepEqual(
      seen.map(({ headers }) => headers["x-ms-ratelimit-remaining-resource"]),
      [
        "Microsoft.Compute/PutVMSubscriptionMaximum;1499",
        "Microsoft.Compute/PutVMSubscriptionMaximum;1498",
        "Microsoft.Compute/LowCostGetSubscriptionMaximum;23999",
        "Microsoft.Compute/DeleteVMSubscriptionMaximum;1499",
      ],
    );
  });

  it("an incremental snapshot is on no Premium storage", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/d", diskBody());
    const creationData = { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/d` };
    const body = { location, sku: { name: "Premium_LRS" }, properties: { creationData, incremental: true } };
    const refused = azure.send("PUT", "snapshots/s", body).body;
    assert.deepEqual(
      ["code", "message", "target"].map((member) => at(refused, "error", member)),
      [
        "InvalidParameter",
        "SKU Premium_LRS is not supported for resource type IncrementalSnapshot in this region. Supported " +
          "SKUs for this region are Standard_LRS,Standard_ZRS",
        "sku",
      ],
    );
    const full = { ...body, properties: { creationData } };
    assert.equal(azure.send("PUT", "snapshots/s", full).status, 202);
    azure.settle();
    azure.finish("PUT", "snapshots/i", { location, properties: body.properties });
    assert.equal(azure.send("PATCH", "snapshots/i", { sku: body.sku }).status, 400);
  });

  it("a disk that awaits its upload has no size", () => {
    const azure = aModel();
    const creationData = { createOption: "Upload", uploadSizeBytes: 21_474_836_992 };
    const awaiting = made(azure, "disks/d", { properties: { creationData } });
    assert.deepEqual(shown(awaiting, "diskState", "diskSizeGB", "diskSizeBytes"), [
      "ReadyToUpload",
      undefined,
      undefined,
    ]);
    const access = { access: "Write", durationInSeconds: 600 };
    azure.finish("POST", "disks/d/beginGetAccess", access);
    azure.finish("POST", "disks/d/endGetAccess");
    assert.deepEqual(shown(azure.send("GET", "disks/d").body, "diskState", "diskSizeGB"), ["Unattached", 20]);
  });

  it("a copy names its source, and a snapshot only sectors that are not of 512 bytes", () => {
    const azure = aModel();
    for (const [sku, sector] of [
      ["Premium_LRS", undefined],
      ["UltraSSD_LRS", 4096],
    ] as const) {
      const source = made(azure, `disks/${sku}`, { zones: ["1"], ...disk(sku, { diskSizeGB: 8 }) });
      const creationData = { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/${sku}` };
      const snapshot = made(azure, `snapshots/${sku}`, { properties: { creationData, incremental: true } });
      const [sourceUniqueId] = shown(source, "uniqueId");
      assert.deepEqual(shown(snapshot, "creationData"), [
        { ...creationData, sourceUniqueId, ...(sector === undefined ? {} : { logicalSectorSize: sector }) },
      ]);
      assert.notEqual(
        at(
          azure.send("GET", `snapshots/${sku}?api-version=2022-03-02`).body,
          "properties",
          "incrementalSnapshotFamilyId",
        ),
        undefined,
      );
    }
    const creationData = { createOption: "Copy", sourceResourceId: `${COMPUTE}/snapshots/Premium_LRS` };
    const copy = made(azure, "disks/copy", { sku: { name: "Premium_LRS" }, properties: { creationData } });
    const [sourceUniqueId] = shown(azure.send("GET", "snapshots/Premium_LRS").body, "uniqueId");
    assert.deepEqual(shown(copy, "creationData"), [{ ...creationData, sourceUniqueId }]);
    // What a client has read and puts back changes nothing.
    const again = azure.finish("PUT", "disks/copy", copy);
    assert.equal(at(again, "status"), "Succeeded");
  });

  it("a VM's instance view begins with its OS disk", () => {
    const azure = aModel();
    const storageProfile = { osDisk: { name: "os", createOption: "FromImage" } };
    azure.finish("PUT", "virtualMachines/v", {
      location,
      properties: { networkProfile: {}, storageProfile },
    });
    azure.finish("PUT", "disks/d", diskBody({ zones: [] }));
    azure.finish("POST", "virtualMachines/v/attachDetachDataDisks", {
      dataDisksToAttach: [{ diskId: `${COMPUTE}/disks/d` }],
    });
    const disks = listAt(azure.send("GET", "virtualMachines/v/instanceView").body, "disks") ?? [];
    assert.deepEqual(
      disks.map((each) => [at(each, "name"), at(listAt(each, "statuses")?.[0], "code")]),
      [
        ["os", "ProvisioningState/succeeded"],
        ["d", "ProvisioningState/succeeded"],
      ],
    );
  });

  // From recordings of Azure's fluent library for .NET (2017).
  it("a VM shows the choices of its disks in Azure's case, whatever a write has", () => {
    const azure = aModel();
    const disks = (text: (choice: string) => string): JsonObject => {
      const shared = { caching: text("ReadWrite"), deleteOption: text("Delete") };
      const storageProfile = {
        osDisk: { createOption: text("FromImage"), ...shared },
        dataDisks: [{ lun: 1, createOption: text("Empty"), diskSizeGB: 8, ...shared }],
      };
      return { properties: { networkProfile: {}, storageProfile } };
    };
    const choices = (disk: Json | undefined): readonly unknown[] =>
      ["createOption", "caching", "deleteOption"].map((member) => at(disk, member));
    for (const text of [(choice: string) => choice.toLowerCase(), (choice: string) => choice.toUpperCase()]) {
      const profile = at(made(azure, "virtualMachines/v", disks(text)), "properties", "storageProfile");
      assert.deepEqual(choices(at(profile, "osDisk")), ["FromImage", "ReadWrite", "Delete"]);
      assert.deepEqual(listAt(profile, "dataDisks")?.map(choices), [["Empty", "ReadWrite", "Delete"]]);
    }
  });

  it("attachDetachDataDisks is 200 with the disks to be; its status has no output", () => {
    const azure = aModel();
    const diskId = `${COMPUTE}/disks/d`;
    azure.finish("PUT", "disks/d", diskBody());
    const path = "virtualMachines/node-a/attachDetachDataDisks";
    const seen = [
      { dataDisksToAttach: [{ diskId, lun: 1 }] },
      { dataDisksToDetach: [{ diskId, detachOption: "ForceDetach" }] },
    ].map((body) => {
      const { status, headers, body: profile } = azure.send("POST", path, body);
      const url = new URL(headers["azure-asyncoperation"] ?? "");
      azure.settle();
      const ended = azure.send("GET", url.pathname + url.search).body;
      return [
        [status, headers["location"], headers["azure-asyncnotification"], headers["etag"]],
        listAt(profile, "dataDisks")?.map((disk) =>
          ["lun", "name", "toBeDetached", "detachOption"].map((member) => at(disk, member)),
        ),
        Object.keys(ended as JsonObject).sort(),
      ];
    });
    const ended = ["endTime", "name", "startTime", "status"];
    assert.deepEqual(seen, [
      [[200, undefined, "Enabled", '"2"'], [[1, "d", false, undefined]], ended],
      [[200, undefined, "Enabled", '"3"'], [[1, "d", true, "ForceDetach"]], ended],
    ]);
  });

  it("a VM shows of a data disk whether its writes are accelerated once stated", () => {
    const azure = aModel();
    for (const name of ["a", "b"]) azure.finish("PUT", `disks/${name}`, diskBody());
    azure.finish("POST", "virtualMachines/node-a/attachDetachDataDisks", {
      dataDisksToAttach: [
        { diskId: `${COMPUTE}/disks/a`, lun: 0, writeAcceleratorEnabled: false },
        { diskId: `${COMPUTE}/disks/b`, lun: 1 },
      ],
    });
    const { body } = azure.send("GET", "virtualMachines/node-a");
    const disks = listAt(body, "properties", "storageProfile", "dataDisks");
    assert.deepEqual(
      disks?.map((each) => at(each, "writeAcceleratorEnabled")),
      [false, undefined],
    );
  });

  it("an ETag moves as a write begins, and at the end of some", () => {
    const azure = aModel();
    const etag = (): unknown => azure.send("GET", "virtualMachines/v").headers["etag"];
    const attached = (...luns: readonly number[]): JsonObject => ({
      properties: {
        storageProfile: {
          dataDisks: luns.map((lun) => ({
            lun,
            createOption: "Attach",
            managedDisk: { id: `${COMPUTE}/disks/d` },
          })),
        },
      },
    });
    azure.finish("PUT", "disks/d", { location, ...disk("Premium_LRS", { diskSizeGB: 1 }) });
    const writes = [
      ["PUT", "", { location, properties: { networkProfile: {} } }],
      ["PATCH", "", { tags: { a: "1" } }],
      ["PATCH", "", attached(0)],
      ["PATCH", "", attached()],
      ["POST", "/deallocate", undefined],
    ] as const;
    const seen = writes.map(([method, action, body]) => {
      azure.send(method, `virtualMachines/v${action}`, body);
      const begun = etag();
      azure.settle();
      return [begun, etag()];
    });
    assert.deepEqual(seen, [
      ['"1"', '"2"'],
      ['"3"', '"3"'],
      ['"4"', '"4"'],
      ['"5"', '"6"'],
      ['"7"', '"9"'],
    ]);
  });

  it("a VM's answer has its ETag in a header, too, but not with the instance view", () => {
    const azure = aModel();
    const plain = azure.send("GET", "virtualMachines/node-a");
    const expanded = azure.send("GET", "virtualMachines/node-a?$expand=instanceView");
    assert.deepEqual([plain.headers["etag"], at(plain.body, "etag")], ['"1"', '"1"']);
    assert.deepEqual([expanded.headers["etag"], at(expanded.body, "etag")], [undefined, '"1"']);
  });

  it("actions and deletes of VMs notify of their end, those of disks do not", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/d", diskBody());
    const notified = (
      ["POST virtualMachines/node-a/deallocate", "DELETE virtualMachines/node-b"] as const
    ).map((call) => {
      const [method, path] = call.split(" ") as ["POST" | "DELETE", string];
      return azure.send(method, path).headers["azure-asyncnotification"];
    });
    assert.deepEqual(notified, ["Enabled", "Enabled"]);
    assert.equal(azure.send("DELETE", "disks/d").headers["azure-asyncnotification"], undefined);
  });

  it("a refusal's code is in its body only", () => {
    const refused = aModel().send("GET", "disks/none");
    assert.equal(objectAt(refused.body, "error")?.["code"], "ResourceNotFound");
    assert.equal(refused.headers["x-ms-error-code"], undefined);
  });

  it("only a refusal of Resource Manager names its cause", () => {
    const azure = aModel();
    const refused = [azure.send("GET", "disks/none"), azure.send("PUT", "disks/d", { location })];
    assert.deepEqual(
      refused.map(({ status, headers }) => [status, headers["x-ms-failure-cause"]]),
      [
        [404, "gateway"],
        [400, undefined],
      ],
    );
  });

  it("disks, snapshots, access and encryption sets count in buckets of their own", () => {
    const azure = aModel();
    assert.equal(
      azure.send("PUT", "disks/d", diskBody()).headers["x-ms-ratelimit-remaining-resource"],
      "Microsoft.Compute/CreateUpdateDisks3Min;2999,Microsoft.Compute/CreateUpdateDisks30Min;24999",
    );
    azure.settle();
    const buckets = (method: "PUT" | "POST", path: string, body: JsonObject): string | undefined =>
      azure.send(method, path, body).headers["x-ms-ratelimit-remaining-resource"];
    const creationData = { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/d` };
    assert.equal(
      buckets("PUT", "snapshots/s", { location, properties: { creationData } }),
      "Microsoft.Compute/HighCostSnapshotCreateHydrate3Min;999," +
        "Microsoft.Compute/HighCostSnapshotCreateHydrate30Min;7999",
    );
    azure.settle();
    assert.equal(
      buckets("POST", "disks/d/beginGetAccess", { access: "Read", durationInSeconds: 60 }),
      "Microsoft.Compute/HighCostDiskHydrate3Min;999,Microsoft.Compute/HighCostDiskHydrate30Min;7999",
    );
    assert.equal(
      buckets("PUT", "diskAccesses/a", { location }),
      "Microsoft.Compute/HighCostDiskAccess3Min;99,Microsoft.Compute/HighCostDiskAccess30Min;299",
    );
  });

  // From sessions of the SDK for .NET (2023 to 2025: `GetAllInSubscription` of each type) and of Azure
  // PowerShell (2020: TestSnapshot, TestDiskEncryptionSet).
  it("lists of a subscription have ids with the resource group in upper case", () => {
    const azure = aModel({ virtualMachines: [{ name: "node-a" }] });
    azure.finish("PUT", "disks/d", diskBody());
    const creationData = { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/d` };
    azure.finish("PUT", "snapshots/s", { location, properties: { creationData } });
    azure.finish("PUT", "diskEncryptionSets/e", {
      location,
      identity: { type: "SystemAssigned" },
      properties: { activeKey: { keyUrl: "https://vault.vault.azure.net/keys/key/1" } },
    });
    azure.finish("PUT", "diskAccesses/a", { location });
    azure.send("PUT", "availabilitySets/g", { location });
    azure.finish("PUT", "virtualMachineScaleSets/f", {
      location,
      properties: { orchestrationMode: "Flexible", platformFaultDomainCount: 1 },
    });
    const types = [
      ...["disks", "snapshots", "diskEncryptionSets", "diskAccesses", "availabilitySets"],
      ...["virtualMachines", "virtualMachineScaleSets"],
    ];
    const groupsIn = (list: string): readonly (string | undefined)[] => [
      ...new Set(
        listAt(azure.send("GET", list).body, "value")?.map((item) => textAt(item, "id")?.split("/")[4]),
      ),
    ];
    const ofSubscription = "/subscriptions/sub-1/providers/Microsoft.Compute";
    assert.deepEqual(
      types.map((type) => [type, groupsIn(`${ofSubscription}/${type}`), groupsIn(type)]),
      types.map((type) => [type, ["RG"], ["rg"]]),
    );
    const disks = listAt(azure.send("GET", `${ofSubscription}/disks`).body, "value") ?? [];
    assert.deepEqual(
      disks.flatMap((each) => textAt(each, "managedBy") ?? []),
      [`${COMPUTE}/virtualMachines/node-a`],
      "only the id itself",
    );
    assert.deepEqual(groupsIn("/subscriptions/sub-1/resources"), ["rg"], "Resource Manager's own list");
  });

  // From sessions of the SDK for .NET (March and July 2025).
  it("availability sets list their VMs in lists of a group, or where asked", () => {
    const azure = aModel();
    azure.send("PUT", "availabilitySets/g", { location });
    const vmsIn = (list: string): readonly unknown[] => {
      const { headers, body } = azure.send("GET", list);
      const buckets = headers["x-ms-ratelimit-remaining-resource"];
      return [shown(listAt(body, "value")?.[0], "virtualMachines")[0], buckets?.split(";")[0]];
    };
    const ofSubscription = "/subscriptions/sub-1/providers/Microsoft.Compute/availabilitySets";
    const bucket = "Microsoft.Compute/LowCostGetSubscriptionMaximum";
    assert.deepEqual(
      [
        vmsIn("availabilitySets"),
        vmsIn(ofSubscription),
        vmsIn(`${ofSubscription}?$expand=virtualMachines/$ref`),
      ],
      [
        [[], bucket],
        [undefined, bucket],
        [[], bucket],
      ],
    );
  });

  it("a subscription says that no other tenant manages it", () => {
    assert.deepEqual(at(aModel().send("GET", "/subscriptions/sub-1").body, "managedByTenants"), []);
  });
});
