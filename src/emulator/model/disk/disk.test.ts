import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, textAt } from "../api/json.ts";
import { aModel, codeOf, COMPUTE, diskBody, listBody, type ModelFixture } from "../testing/model-fixture.ts";

describe("a disk", () => {
  it("echoes its creation with 202, and has its tier and performance in the end", () => {
    const azure = aModel();
    const created = azure.send("PUT", "disks/pvc-1", diskBody());
    assert.deepEqual(
      [created.status, textAt(created.body, "properties", "provisioningState"), at(created.body, "id")],
      [202, "Updating", `${COMPUTE}/disks/pvc-1`],
    );
    assert.match(
      created.headers["azure-asyncoperation"] ?? "",
      /\/locations\/eastus\/DiskOperations\/[0-9a-f-]{36}\?p=.*&api-version=2025-04-01$/,
    );
    assert.match(created.headers["location"] ?? "", /&monitor=true&api-version=/);
    azure.settle();
    const { id, sku, properties } = azure.send("GET", "DISKS/PVC-1").body as {
      id: string;
      sku: Json;
      properties: Json;
    };
    assert.equal(id, `${COMPUTE}/disks/pvc-1`);
    assert.deepEqual(sku, { name: "Premium_LRS", tier: "Premium" });
    assert.deepEqual(
      [
        "diskSizeGB",
        "diskSizeBytes",
        "diskIOPSReadWrite",
        "diskMBpsReadWrite",
        "tier",
        "diskState",
        "provisioningState",
      ].map((member) => at(properties, member)),
      [128, 137_438_953_472, 500, 100, "P10", "Unattached", "Succeeded"],
    );
  });

  it("grows when a client puts back what it read with another size and its old tier", () => {
    const azure = aModel();
    azure.finish(
      "PUT",
      "disks/pvc-1",
      diskBody({ properties: { creationData: { createOption: "Empty" }, diskSizeGB: 16 } }),
    );
    const read = azure.send("GET", "disks/pvc-1").body;
    assert.equal(textAt(read, "properties", "tier"), "P3");
    const properties = { ...(at(read, "properties") as object), diskSizeGB: 64 };
    azure.finish("PUT", "disks/pvc-1", { ...(read as object), properties });
    const grown = azure.send("GET", "disks/pvc-1").body;
    assert.deepEqual(
      [textAt(grown, "properties", "tier"), at(grown, "properties", "diskSizeGB")],
      ["P6", 64],
    );
    const raised = azure.send("PUT", "disks/pvc-1", {
      ...(read as object),
      properties: { ...properties, tier: "P2" },
    });
    assert.equal(raised.status, 400, "another tier below its size's own is still refused");
  });

  // Size in GiB; tier, which only Premium SSDs show, IOPS and MB/s as Azure publishes them for it.
  const kinds = [
    ["Standard_LRS", 100, "Standard", undefined, 500, 60],
    ["Standard_LRS", 16_384, "Standard", undefined, 2000, 500],
    ["StandardSSD_LRS", 1, "Standard", undefined, 500, 100],
    ["StandardSSD_ZRS", 8192, "Standard", undefined, 2000, 400],
    ["Premium_LRS", 4, "Premium", "P1", 120, 25],
    ["Premium_ZRS", 513, "Premium", "P30", 5000, 200],
    ["Premium_LRS", 32_767, "Premium", "P80", 20_000, 900],
    ["PremiumV2_LRS", 100, "Premium", undefined, 3000, 125],
    ["UltraSSD_LRS", 64, "Ultra", undefined, 100, 13],
  ] as const;
  for (const [sku, diskSizeGB, skuTier, tier, iops, mbps] of kinds) {
    it(`of type ${sku} and ${diskSizeGB} GiB has the tier and performance of its size`, () => {
      const azure = aModel();
      azure.finish("PUT", "disks/pvc-1", diskBody({ sku, properties: { diskSizeGB } }));
      const { body } = azure.send("GET", "disks/pvc-1");
      const shown = ["diskSizeGB", "tier", "diskIOPSReadWrite", "diskMBpsReadWrite"].map((member) =>
        at(body, "properties", member),
      );
      assert.deepEqual(
        [at(body, "sku"), ...shown],
        [{ name: sku, tier: skuTier }, diskSizeGB, tier, iops, mbps],
      );
    });
  }

  it("performs as its raised tier, until its size gives as much by itself", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    const performance = (): unknown =>
      ["tier", "diskIOPSReadWrite"].map((member) =>
        at(azure.send("GET", "disks/pvc-1").body, "properties", member),
      );
    const seen = [performance()];
    for (const properties of [{ tier: "P40" }, { diskSizeGB: 256 }, { tier: "P15" }]) {
      azure.finish("PATCH", "disks/pvc-1", { properties });
      seen.push(performance());
    }
    assert.deepEqual(seen, [
      ["P10", 500],
      ["P40", 7500],
      ["P40", 7500],
      ["P15", 1100],
    ]);
    assert.equal(
      codeOf(azure.send("PATCH", "disks/pvc-1", { properties: { tier: "P60" } }).body),
      "InvalidParameter",
    );
  });

  it("keeps all requested properties, also those that a change does not mention", () => {
    const azure = aModel();
    azure.finish("PUT", "diskEncryptionSets/des", {
      location: "eastus",
      identity: { type: "SystemAssigned" },
      properties: { activeKey: { keyUrl: "https://vault.vault.azure.net/keys/key/1" } },
    });
    azure.finish("PUT", "diskAccesses/access", { location: "eastus" });
    const properties = {
      ...{
        creationData: { createOption: "Empty", logicalSectorSize: 512 },
        diskSizeGB: 16,
        diskIOPSReadWrite: 4000,
        diskMBpsReadWrite: 200,
        maxShares: 3,
      },
      ...{
        encryption: {
          diskEncryptionSetId: `${COMPUTE}/diskEncryptionSets/des`,
          type: "EncryptionAtRestWithCustomerKey",
        },
      },
      ...{
        networkAccessPolicy: "AllowPrivate",
        publicNetworkAccess: "Disabled",
        diskAccessId: `${COMPUTE}/diskAccesses/access`,
      },
      dataAccessAuthMode: "AzureActiveDirectory",
    };
    azure.finish("PUT", "disks/pvc-1", {
      location: "eastus",
      zones: ["2"],
      tags: { a: "b" },
      sku: { name: "premiumv2_lrs" },
      properties,
    });
    const told = (): unknown => {
      const disk = azure.send("GET", "disks/pvc-1").body as {
        tags: Json;
        zones: Json;
        sku: Json;
        properties: Json;
      };
      return [
        disk.tags,
        disk.zones,
        disk.sku,
        Object.fromEntries(Object.keys(properties).map((member) => [member, at(disk.properties, member)])),
      ];
    };
    // Recorded (az's test_disk_encryption_set_disk_update, Azure PowerShell's
    // TestDiskConfigDiskAccessNetworkAccess): with the resource group in upper case.
    const inUpperCase = (id: string): string => id.replace("/resourceGroups/rg/", "/resourceGroups/RG/");
    const { encryption, diskAccessId } = properties;
    const links = {
      encryption: { ...encryption, diskEncryptionSetId: inUpperCase(encryption.diskEncryptionSetId) },
      diskAccessId: inUpperCase(diskAccessId),
    };
    const shown = { ...properties, ...links };
    const expected = [{ a: "b" }, ["2"], { name: "PremiumV2_LRS", tier: "Premium" }, shown];
    assert.deepEqual(told(), expected);
    azure.finish("PATCH", "disks/pvc-1", { properties: { networkAccessPolicy: "DenyAll" } });
    // The disk access belongs to the policy.
    assert.deepEqual(told(), [
      ...expected.slice(0, 3),
      { ...shown, networkAccessPolicy: "DenyAll", diskAccessId: undefined },
    ]);
  });

  it("says when bursting was switched on, and to which tier it is being moved", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody({ properties: { diskSizeGB: 1024 } }));
    const told = (member: string): unknown => at(azure.send("GET", "disks/pvc-1").body, "properties", member);
    assert.equal(told("burstingEnabledTime"), undefined);
    azure.finish("PATCH", "disks/pvc-1", { properties: { burstingEnabled: true } });
    const enabled = told("burstingEnabledTime");
    assert.match(String(enabled), /^2023-11-/);
    azure.advance(60_000);
    azure.finish("PATCH", "disks/pvc-1", { properties: { burstingEnabled: true } });
    azure.advance(12 * 3_600_000);
    azure.finish("PATCH", "disks/pvc-1", { properties: { burstingEnabled: false } });
    assert.deepEqual([told("burstingEnabled"), told("burstingEnabledTime")], [undefined, enabled]);
    azure.send("PATCH", "disks/pvc-1", { properties: { tier: "P50" } });
    assert.deepEqual([told("tier"), told("propertyUpdatesInProgress")], ["P30", { targetTier: "P50" }]);
    azure.settle();
    assert.deepEqual([told("tier"), told("propertyUpdatesInProgress")], ["P50", undefined]);
  });

  it("returns to the platform's key, and reads choices in any case", () => {
    const azure = aModel();
    azure.finish("PUT", "diskEncryptionSets/des", {
      location: "eastus",
      identity: { type: "SystemAssigned" },
      properties: { activeKey: { keyUrl: "https://vault.vault.azure.net/keys/key/1" } },
    });
    const encryption = { diskEncryptionSetId: `${COMPUTE}/diskEncryptionSets/des` };
    const properties = { encryption, networkAccessPolicy: "denyall", publicNetworkAccess: "DISABLED" };
    azure.finish("PUT", "disks/pvc-1", diskBody({ properties }));
    const told = (member: string): unknown => at(azure.send("GET", "disks/pvc-1").body, "properties", member);
    assert.deepEqual([told("networkAccessPolicy"), told("publicNetworkAccess")], ["DenyAll", "Disabled"]);
    azure.finish("PATCH", "disks/pvc-1", { tags: { a: "b" } });
    const shown = {
      diskEncryptionSetId: encryption.diskEncryptionSetId.replace("/rg/", "/RG/"),
      type: "EncryptionAtRestWithCustomerKey",
    };
    assert.deepEqual(told("encryption"), shown);
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    const sameSet = { diskEncryptionSetId: encryption.diskEncryptionSetId.toLowerCase() };
    azure.finish("PATCH", "disks/pvc-1", { properties: { encryption: sameSet } });
    assert.deepEqual(told("encryption"), shown);
    const platformKey = { properties: { encryption: { type: "EncryptionAtRestWithPlatformKey" } } };
    assert.equal(azure.send("PATCH", "disks/pvc-1", platformKey).status, 409);
    azure.finish("PATCH", "virtualMachines/node-a", listBody({}));
    azure.finish("PATCH", "disks/pvc-1", platformKey);
    assert.deepEqual(told("encryption"), { type: "EncryptionAtRestWithPlatformKey" });
    assert.equal(azure.send("DELETE", "diskEncryptionSets/des").status, 202);
  });

  it("has one key where its performance is settable, also once it is converted", () => {
    const azure = aModel();
    azure.finish("PUT", "diskEncryptionSets/des", {
      location: "eastus",
      identity: { type: "SystemAssigned" },
      properties: { activeKey: { keyUrl: "https://vault.vault.azure.net/keys/key/1" } },
    });
    const withBothKeys = (sku: string): Json => ({
      location: "eastus",
      zones: ["1"],
      sku: { name: sku },
      properties: {
        creationData: { createOption: "Empty" },
        diskSizeGB: 16,
        encryption: {
          diskEncryptionSetId: `${COMPUTE}/diskEncryptionSets/des`,
          type: "EncryptionAtRestWithPlatformAndCustomerKeys",
        },
      },
    });
    for (const sku of ["PremiumV2_LRS", "UltraSSD_LRS"])
      assert.equal(codeOf(azure.send("PUT", "disks/pvc-1", withBothKeys(sku)).body), "InvalidParameter", sku);
    azure.finish("PUT", "disks/pvc-1", withBothKeys("Premium_LRS"));
    const converted = azure.send("PATCH", "disks/pvc-1", { sku: { name: "PremiumV2_LRS" } });
    assert.equal(codeOf(converted.body), "InvalidParameter");
  });

  it("can burst if it is large enough", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody({ properties: { diskSizeGB: 1024, burstingEnabled: true } }));
    assert.equal(at(azure.send("GET", "disks/pvc-1").body, "properties", "burstingEnabled"), true);
  });

  for (const [sku, diskSizeGB, plain, plus] of [
    ["Premium_LRS", 1024, [5000, 200], [8000, 300]],
    ["Premium_LRS", 8192, [16_000, 500], [20_000, 900]],
    ["StandardSSD_LRS", 513, [500, 100], [1500, 150]],
    ["StandardSSD_ZRS", 4096, [500, 100], [6000, 600]],
    ["StandardSSD_LRS", 8192, [2000, 400], [6000, 750]],
    ["Standard_LRS", 2048, [500, 60], [3000, 300]],
    ["Standard_LRS", 32_767, [2000, 500], [3000, 500]],
  ] as const)
    it(`of type ${sku} and ${diskSizeGB} GiB performs better with performance plus`, () => {
      const azure = aModel();
      const performance = (performancePlus: boolean): unknown => {
        const creationData = { createOption: "Empty", performancePlus };
        const path = `disks/${performancePlus}`;
        azure.finish("PUT", path, diskBody({ sku, properties: { diskSizeGB, creationData } }));
        const { properties } = azure.send("GET", path).body as { properties: Json };
        return ["diskIOPSReadWrite", "diskMBpsReadWrite"].map((member) => at(properties, member));
      };
      assert.deepEqual([performance(false), performance(true)], [plain, plus]);
    });

  it("joins a repeated creation, and refuses a different concurrent one", () => {
    const azure = aModel();
    const first = azure.send("PUT", "disks/pvc-1", diskBody());
    const again = azure.send("PUT", "disks/pvc-1", diskBody());
    assert.deepEqual(
      [again.status, again.headers["azure-asyncoperation"]],
      [202, first.headers["azure-asyncoperation"]],
    );
    assert.equal(
      codeOf(azure.send("PUT", "disks/pvc-1", diskBody({ properties: { diskSizeGB: 256 } })).body),
      "Conflict",
    );
    azure.settle();
    assert.equal(azure.send("PUT", "disks/pvc-1", diskBody()).status, 202);
  });

  const attachIt = (azure: ModelFixture, caching: string): unknown =>
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }, { "pvc-1": { caching } }));
  const changes: readonly {
    because: string;
    disk?: Parameters<typeof diskBody>[0];
    attached?: boolean | "cached";
    apiVersion?: string;
    change: Json;
    expected: readonly [number, string | undefined];
  }[] = [
    {
      because: "a disk grows while attached",
      attached: true,
      change: { properties: { diskSizeGB: 256 } },
      expected: [202, undefined],
    },
    {
      because: "a disk never shrinks",
      change: { properties: { diskSizeGB: 64 } },
      expected: [409, "OperationNotAllowed"],
    },
    {
      because: "a shared disk grows only detached",
      disk: { properties: { maxShares: 2 } },
      attached: true,
      change: { properties: { diskSizeGB: 256 } },
      expected: [409, "LiveResizeSharedDiskNotAllowed"],
    },
    {
      because: "nothing crosses 4095 GiB while attached",
      attached: true,
      change: { properties: { diskSizeGB: 5000 } },
      expected: [409, "InvalidResizeForLargeDisks"],
    },
    {
      because: "a disk that its VM caches does not cross 4095 GiB either",
      attached: "cached",
      change: { properties: { diskSizeGB: 5000 } },
      expected: [400, "BadRequest"],
    },
    {
      because: "a detached disk crosses 4095 GiB",
      change: { properties: { diskSizeGB: 5000 } },
      expected: [202, undefined],
    },
    {
      because: "maxShares changes only while unattached",
      attached: true,
      change: { properties: { maxShares: 2 } },
      expected: [409, "OperationNotAllowed"],
    },
    {
      because: "the SKU changes only off a running VM",
      attached: true,
      change: { sku: { name: "StandardSSD_LRS" } },
      expected: [409, "OperationNotAllowed"],
    },
    {
      because: "an unattached disk changes its SKU",
      change: { sku: { name: "StandardSSD_LRS" } },
      expected: [202, undefined],
    },
    {
      because: "a SKU must exist",
      change: { sku: { name: "Bronze_LRS" } },
      expected: [400, "InvalidParameter"],
    },
    {
      because: "IOPS have a limit for each size",
      disk: { sku: "PremiumV2_LRS" },
      change: { properties: { diskIOPSReadWrite: 90_000 } },
      expected: [400, "BadRequest"],
    },
    {
      because: "a network access policy must exist",
      change: { properties: { networkAccessPolicy: "AllowNone" } },
      expected: [400, "InvalidParameter"],
    },
    {
      because: "encryption changes only while no running VM has the disk",
      attached: true,
      change: {
        properties: { encryption: { type: "EncryptionAtRestWithCustomerKey", diskEncryptionSetId: "x" } },
      },
      expected: [409, "OperationNotAllowed"],
    },
    {
      because: "AllowPrivate needs an access resource",
      change: { properties: { networkAccessPolicy: "AllowPrivate" } },
      expected: [400, "InvalidParameter"],
    },
    {
      because: "a disk grew only detached before 2021-04-01",
      attached: true,
      apiVersion: "2020-12-01",
      change: { properties: { diskSizeGB: 256 } },
      expected: [409, "ChangeDiskSizeWhileAttachedNotAllowed"],
    },
    {
      because: "an attached disk becomes a Premium SSD v2 without caching",
      attached: true,
      change: { sku: { name: "PremiumV2_LRS" } },
      expected: [202, undefined],
    },
    {
      because: "a shared disk becomes a Premium SSD v2 only detached",
      disk: { properties: { maxShares: 2 } },
      attached: true,
      change: { sku: { name: "PremiumV2_LRS" } },
      expected: [409, "OperationNotAllowed"],
    },
    {
      because: "a Premium SSD v2 keeps its SKU",
      disk: { sku: "PremiumV2_LRS" },
      change: { sku: { name: "Premium_LRS" } },
      expected: [409, "PropertyChangeNotAllowed"],
    },
    {
      because: "no disk becomes an Ultra disk",
      change: { sku: { name: "UltraSSD_LRS" } },
      expected: [409, "PropertyChangeNotAllowed"],
    },
    {
      because: "a zonal disk does not become zone-redundant",
      disk: { zones: ["1"] },
      change: { sku: { name: "Premium_ZRS" } },
      expected: [409, "PropertyChangeNotAllowed"],
    },
    {
      because: "a regional disk becomes zone-redundant",
      disk: { zones: [] },
      change: { sku: { name: "Premium_ZRS" } },
      expected: [202, undefined],
    },
    {
      because: "a zone-redundant disk does not become a Premium SSD v2",
      disk: { sku: "Premium_ZRS" },
      change: { sku: { name: "PremiumV2_LRS" } },
      expected: [409, "PropertyChangeNotAllowed"],
    },
    { because: "a tier can be raised", change: { properties: { tier: "P30" } }, expected: [202, undefined] },
    {
      because: "a tier can't be lowered below the size's own",
      change: { properties: { tier: "P4" } },
      expected: [400, "InvalidParameter"],
    },
  ];
  for (const { because, disk, attached, apiVersion, change, expected } of changes) {
    it(because, () => {
      const azure = aModel();
      azure.finish("PUT", "disks/pvc-1", diskBody(disk));
      if (attached !== undefined) attachIt(azure, attached === "cached" ? "ReadOnly" : "None");
      const answer = azure.send("PATCH", `disks/pvc-1?api-version=${apiVersion ?? "2025-01-02"}`, change);
      assert.deepEqual(
        [
          answer.status,
          textAt(answer.body, "error", "innererror", "internalErrorCode") ?? codeOf(answer.body),
        ],
        expected,
        JSON.stringify(answer.body),
      );
    });
  }

  it("takes an empty choice for none, as Terraform sends it, and one in any case", () => {
    const azure = aModel();
    const stated = {
      osType: "",
      networkAccessPolicy: "",
      hyperVGeneration: "v2",
      dataAccessAuthMode: "none",
    };
    azure.finish("PUT", "disks/d", diskBody({ properties: stated }));
    const { properties } = azure.send("GET", "disks/d").body as { properties: Record<string, Json> };
    assert.deepEqual(
      Object.keys(stated).map((member) => properties[member]),
      [undefined, "AllowAll", "V2", "None"],
    );
  });

  const creations: readonly { because: string; body: Json; expected: readonly [number, string] }[] = [
    {
      because: "maxShares has a limit for each size",
      body: diskBody({ properties: { maxShares: 4 } }),
      expected: [400, "BadRequest"],
    },
    {
      because: "HDDs can't be shared",
      body: diskBody({ sku: "Standard_LRS", properties: { maxShares: 2 } }),
      expected: [400, "BadRequest"],
    },
    {
      because: "a ZRS disk has no zone of its own",
      body: diskBody({ sku: "Premium_ZRS", zones: ["1"] }),
      expected: [400, "InvalidParameter"],
    },
    {
      because: "there is no such system",
      body: diskBody({ properties: { osType: "BeOS" } }),
      expected: [400, "InvalidParameter"],
    },
    {
      because: "there is no zone 4",
      body: diskBody({ zones: ["4"] }),
      expected: [400, "InvalidAvailabilityZone"],
    },
    {
      because: "on-demand bursting needs more than 512 GiB",
      body: diskBody({ properties: { burstingEnabled: true } }),
      expected: [400, "InvalidParameter"],
    },
    {
      because: "a shared disk does not burst on demand",
      body: diskBody({ properties: { burstingEnabled: true, diskSizeGB: 1024, maxShares: 2 } }),
      expected: [400, "InvalidParameter"],
    },
    {
      because: "no disk with settable performance has performance plus",
      body: diskBody({
        sku: "PremiumV2_LRS",
        properties: { diskSizeGB: 1024, creationData: { createOption: "Empty", performancePlus: true } },
      }),
      expected: [400, "InvalidParameter"],
    },
    {
      because: "an upload needs its size",
      body: diskBody({ properties: { creationData: { createOption: "Upload" } } }),
      expected: [400, "InvalidParameter"],
    },
    {
      because: "an upload is whole MiB and a footer",
      body: diskBody({
        properties: { creationData: { createOption: "Upload", uploadSizeBytes: 44_716_382_720 } },
      }),
      expected: [400, "BadRequest"],
    },
    {
      because: "performance plus needs more than 512 GiB",
      body: diskBody({ properties: { creationData: { createOption: "Empty", performancePlus: true } } }),
      expected: [400, "InvalidParameter"],
    },
    {
      because: "only Ultra and Premium v2 have sectors of 4 KiB",
      body: diskBody({ properties: { creationData: { createOption: "Empty", logicalSectorSize: 4096 } } }),
      expected: [400, "InvalidParameter"],
    },
    {
      because: "there are no sectors of 1 KiB",
      body: diskBody({
        sku: "PremiumV2_LRS",
        properties: { creationData: { createOption: "Empty", logicalSectorSize: 1024 } },
      }),
      expected: [400, "InvalidParameter"],
    },
    {
      because: "IOPS can't be asked of Premium",
      body: diskBody({ properties: { diskIOPSReadWrite: 9000 } }),
      expected: [400, "InvalidParameter"],
    },
    ...(
      [
        ["Premium v2 has 3000 IOPS or more", "PremiumV2_LRS", { diskIOPSReadWrite: 2999 }],
        ["Premium v2 has 125 MB/s or more", "PremiumV2_LRS", { diskMBpsReadWrite: 124 }],
        [
          "Ultra has an operation a second for each GiB",
          "UltraSSD_LRS",
          { diskSizeGB: 500, diskIOPSReadWrite: 499 },
        ],
        [
          "throughput has a limit for the IOPS",
          "UltraSSD_LRS",
          { diskIOPSReadWrite: 1000, diskMBpsReadWrite: 251 },
        ],
      ] as const
    ).map(([because, sku, properties]) => ({
      because,
      body: diskBody({ sku, properties }),
      expected: [400, "BadRequest"] as const,
    })),
    {
      because: "an access resource needs AllowPrivate",
      body: diskBody({
        properties: { networkAccessPolicy: "DenyAll", diskAccessId: `${COMPUTE}/diskAccesses/access` },
      }),
      expected: [409, "ConflictingUserInput"],
    },
    {
      because: "a customer's key needs a set",
      body: diskBody({ properties: { encryption: { type: "EncryptionAtRestWithCustomerKey" } } }),
      expected: [400, "InvalidParameter"],
    },
    {
      because: "Ultra begins at 4 GiB",
      body: diskBody({ sku: "UltraSSD_LRS", properties: { diskSizeGB: 2 } }),
      expected: [400, "InvalidParameter"],
    },
    {
      because: "a copy needs its source",
      body: diskBody({
        properties: { creationData: { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/none` } },
      }),
      expected: [404, "NotFound"],
    },
  ];
  for (const { because, body, expected } of creations) {
    it(`is not created because ${because}`, () => {
      const azure = aModel();
      const answer = azure.send("PUT", "disks/pvc-1", body);
      assert.deepEqual([answer.status, codeOf(answer.body)], expected, JSON.stringify(answer.body));
      assert.equal(azure.send("GET", "disks/pvc-1").status, 404);
    });
  }

  it("keeps its source: a PUT of another one is refused in Azure's words", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    const answer = azure.send(
      "PUT",
      "disks/pvc-1",
      diskBody({ properties: { creationData: { createOption: "Copy", sourceResourceId: "/x" } } }),
    );
    assert.deepEqual([answer.status, codeOf(answer.body)], [409, "PropertyChangeNotAllowed"]);
    assert.match(textAt(answer.body, "error", "message") ?? "", /existing disk 'pvc-1'/);
    const sectors = (logicalSectorSize: number): Json =>
      diskBody({
        sku: "UltraSSD_LRS",
        properties: { creationData: { createOption: "Empty", logicalSectorSize } },
      });
    azure.finish("PUT", "disks/ultra", diskBody({ sku: "UltraSSD_LRS" }));
    assert.deepEqual(
      [azure.send("PUT", "disks/ultra", sectors(512)), azure.send("PUT", "disks/ultra", sectors(4096))].map(
        ({ status, body }) => codeOf(body) ?? status,
      ),
      ["PropertyChangeNotAllowed", 202],
    );
  });

  it("reads the way it is made in any case, also of a repeated request", () => {
    const azure = aModel();
    const body = diskBody({ properties: { creationData: { createOption: "empty" } } });
    azure.finish("PUT", "disks/pvc-1", body);
    const shown = at(azure.send("GET", "disks/pvc-1").body, "properties", "creationData", "createOption");
    assert.deepEqual([shown, azure.send("PUT", "disks/pvc-1", body).status], ["Empty", 202]);
  });

  it("copies another one, but not into a smaller one", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/source", diskBody());
    const creationData = { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/SOURCE` };
    assert.equal(
      codeOf(
        azure.send("PUT", "disks/small", diskBody({ properties: { creationData, diskSizeGB: 64 } })).body,
      ),
      "InvalidParameter",
    );
    azure.finish("PUT", "disks/copy", {
      location: "eastus",
      zones: ["1"],
      sku: { name: "Premium_LRS" },
      properties: { creationData },
    });
    assert.equal(at(azure.send("GET", "disks/copy").body, "properties", "diskSizeGB"), 128);
  });

  it("can't be deleted while a VM has or gets it; deleting an absent one succeeds", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    azure.send("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    assert.equal(codeOf(azure.send("DELETE", "disks/pvc-1").body), "OperationNotAllowed");
    azure.settle();
    assert.equal(codeOf(azure.send("DELETE", "disks/pvc-1").body), "OperationNotAllowed");
    azure.finish("PATCH", "virtualMachines/node-a", listBody({}));
    assert.equal(azure.send("DELETE", "disks/pvc-1").status, 202);
    azure.settle();
    assert.deepEqual(
      [azure.send("DELETE", "disks/pvc-1").status, azure.send("GET", "disks/pvc-1").status],
      [204, 404],
    );
  });

  it("is listed page by page, by group and by subscription", () => {
    const azure = aModel({
      settings: { osDisks: false, pageSize: 2 },
    });
    for (const name of ["c", "a", "b"]) azure.finish("PUT", `disks/${name}`, diskBody());
    const first = azure.send("GET", "disks");
    const next = new URL(textAt(first.body, "nextLink") ?? "");
    const second = azure.send("GET", next.pathname + next.search);
    const names = [first, second].map((page) =>
      (at(page.body, "value") as readonly { name: string }[]).map((disk) => disk.name),
    );
    assert.deepEqual([names, at(second.body, "nextLink")], [[["a", "b"], ["c"]], undefined]);
    const bySubscription = azure.send("GET", "/subscriptions/SUB-1/providers/Microsoft.Compute/disks").body;
    assert.match(
      textAt((at(bySubscription, "value") as readonly { id: string }[])[0], "id") ?? "",
      /resourceGroups\/RG\//,
    );
  });
});
