import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkDisk, diskSharesMax, type DiskToCheck } from "./check-disk.ts";
import type { DiskSku } from "./disk-sku.ts";

const access = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/diskAccesses/a";
const keys = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/diskEncryptionSets/k";

describe("checkDisk", () => {
  const disk = { skuName: "Premium_LRS", sizeGiB: 10, maxShares: 3 };

  it("accepts a disk that Azure can make", () =>
    assert.deepEqual(checkDisk(disk, "spec.disk"), { ok: true, value: undefined }));

  for (const [change, field] of [
    [{ skuName: "Premium" }, "spec.disk.skuName"],
    [{ sizeGiB: 32_768 }, "spec.disk.sizeGiB"],
    [{ skuName: "UltraSSD_LRS", sizeGiB: 3 }, "spec.disk.sizeGiB"],
    [{ maxShares: 4 }, "spec.disk.maxShares"],
  ] as const) {
    it(`refuses ${JSON.stringify(change)}`, () => {
      const checked = checkDisk({ ...disk, ...change }, "spec.disk");
      assert.equal(!checked.ok && checked.failure.field, field);
    });
  }

  const premium = (sizeGiB: number): DiskToCheck => ({ skuName: "Premium_LRS", sizeGiB, maxShares: 1 });
  const ultra = (sizeGiB: number): DiskToCheck => ({ skuName: "UltraSSD_LRS", sizeGiB, maxShares: 1 });
  const v2 = (sizeGiB: number): DiskToCheck => ({ skuName: "PremiumV2_LRS", sizeGiB, maxShares: 1 });

  const possible: readonly (readonly [string, DiskToCheck])[] = [
    ["the least IOPS of Ultra", { ...ultra(64), diskIOPSReadWrite: 100 }],
    ["the least IOPS of a larger Ultra", { ...ultra(512), diskIOPSReadWrite: 512 }],
    ["the most IOPS of Ultra", { ...ultra(65_536), diskIOPSReadWrite: 400_000, diskMBpsReadWrite: 10_000 }],
    ["1000 IOPS for each GiB of Ultra", { ...ultra(4), diskIOPSReadWrite: 4000, diskMBpsReadWrite: 1000 }],
    ["the least MB/s of Ultra", { ...ultra(1024), diskIOPSReadWrite: 25_600, diskMBpsReadWrite: 100 }],
    ["the base of Premium v2", { ...v2(1), diskIOPSReadWrite: 3000, diskMBpsReadWrite: 125 }],
    ["500 IOPS for each GiB of Premium v2", { ...v2(8), diskIOPSReadWrite: 4000, diskMBpsReadWrite: 1000 }],
    ["the most of Premium v2", { ...v2(160), diskIOPSReadWrite: 80_000, diskMBpsReadWrite: 2000 }],
    ["throughput for Azure's IOPS", { ...v2(64), diskMBpsReadWrite: 750 }],
    ["small sectors", { ...v2(1), logicalSectorSize: 512 }],
    ["bursting from 513 GiB", { ...premium(513), burstingEnabled: true }],
    ["bursting that is off", { ...premium(4), burstingEnabled: false }],
    ["performance plus from 513 GiB", { ...premium(513), performancePlus: true }],
    ["private access", { ...premium(4), networkAccessPolicy: "AllowPrivate", diskAccessId: access }],
    ["a customer's key", { ...premium(4), diskEncryptionSetId: keys }],
    [
      "two keys",
      {
        ...premium(4),
        diskEncryptionSetId: keys,
        encryptionType: "EncryptionAtRestWithPlatformAndCustomerKeys",
      },
    ],
  ];
  for (const [because, asked] of possible)
    it(`accepts ${because}`, () =>
      assert.deepEqual(checkDisk(asked, "parameters"), { ok: true, value: undefined }));

  const impossible: readonly (readonly [DiskToCheck, field: string, problem: RegExp])[] = [
    [{ ...ultra(64), diskIOPSReadWrite: 99 }, "DiskIOPSReadWrite", /from 100 to 64000 .* of 64 GiB/u],
    [{ ...ultra(512), diskIOPSReadWrite: 511 }, "DiskIOPSReadWrite", /from 512 to 400000/u],
    [{ ...ultra(4), diskIOPSReadWrite: 4001 }, "DiskIOPSReadWrite", /from 100 to 4000/u],
    [{ ...ultra(4), diskIOPSReadWrite: 1000, diskMBpsReadWrite: 251 }, "DiskMBpsReadWrite", /from 4 to 250/u],
    [
      { ...ultra(1024), diskIOPSReadWrite: 160_000, diskMBpsReadWrite: 624 },
      "DiskMBpsReadWrite",
      /from 625 to 10000 for a UltraSSD_LRS disk of 1024 GiB and 160000 IOPS$/u,
    ],
    [{ ...ultra(65_535), diskMBpsReadWrite: 255 }, "DiskMBpsReadWrite", /from 256 .* Azure's default IOPS$/u],
    [{ ...ultra(100), diskMBpsReadWrite: 26 }, "DiskMBpsReadWrite", /to 25 .*Azure's default IOPS; raise/u],
    [
      { ...v2(1), diskIOPSReadWrite: 2999 },
      "DiskIOPSReadWrite",
      /must be 3000 for .* of 1 GiB; a larger disk may have more/u,
    ],
    [{ ...v2(1000), diskIOPSReadWrite: 80_001 }, "DiskIOPSReadWrite", /from 3000 to 80000/u],
    [{ ...v2(64), diskMBpsReadWrite: 124 }, "DiskMBpsReadWrite", /from 125 to 750/u],
    [{ ...premium(64), diskIOPSReadWrite: 5000 }, "DiskIOPSReadWrite", /UltraSSD_LRS and PremiumV2_LRS/u],
    [{ ...premium(64), diskMBpsReadWrite: 125 }, "DiskMBpsReadWrite", /not for Premium_LRS/u],
    [{ ...premium(64), logicalSectorSize: 512 }, "LogicalSectorSize", /not for Premium_LRS/u],
    [{ ...v2(64), logicalSectorSize: 1024 }, "LogicalSectorSize", /512, 4096/u],
    [{ ...v2(1024), burstingEnabled: true }, "enableBursting", /not for PremiumV2_LRS/u],
    [{ ...premium(512), burstingEnabled: true }, "enableBursting", /513 GiB or more, and the disk has 512/u],
    [{ ...premium(1024), maxShares: 2, burstingEnabled: true }, "enableBursting", /maxShares is 2/u],
    [{ ...premium(512), performancePlus: true }, "enablePerformancePlus", /513 GiB or more/u],
    [{ ...v2(1024), performancePlus: true }, "enablePerformancePlus", /set DiskIOPSReadWrite/u],
    [{ ...premium(4), networkAccessPolicy: "AllowPrivate" }, "networkAccessPolicy", /needs diskAccessID/u],
    [
      { ...premium(4), networkAccessPolicy: "DenyAll", diskAccessId: access },
      "diskAccessID",
      /needs networkAccessPolicy AllowPrivate, and it is DenyAll/u,
    ],
    [
      { ...premium(4), encryptionType: "EncryptionAtRestWithCustomerKey" },
      "diskEncryptionType",
      /needs diskEncryptionSetID/u,
    ],
    ...[ultra(4), v2(4)].map(
      (disk) =>
        [
          {
            ...disk,
            diskEncryptionSetId: keys,
            encryptionType: "EncryptionAtRestWithPlatformAndCustomerKeys",
          },
          "diskEncryptionType",
          /Azure encrypts with one key: use EncryptionAtRestWithCustomerKey$/u,
        ] as const,
    ),
  ];
  for (const [asked, field, problem] of impossible) {
    it(`refuses ${field}: ${JSON.stringify(asked).slice(1, 60)}`, () => {
      const checked = checkDisk(asked, "parameters");
      assert.ok(!checked.ok);
      assert.equal(checked.failure.field, `parameters.${field}`);
      assert.match(checked.failure.problem, problem);
    });
  }
});

describe("diskSharesMax", () => {
  const rows: readonly (readonly [DiskSku, number, number])[] = [
    ["Standard_LRS", 1024, 1],
    ["Premium_LRS", 1, 3],
    ["Premium_LRS", 512, 3],
    ["Premium_LRS", 513, 5],
    ["StandardSSD_ZRS", 4096, 5],
    ["Premium_ZRS", 4097, 10],
    ["Premium_LRS", 32_767, 10],
    ["PremiumV2_LRS", 1, 15],
    ["UltraSSD_LRS", 4, 15],
  ];
  for (const [skuName, sizeGiB, shares] of rows) {
    it(`is ${shares} for ${skuName} of ${sizeGiB} GiB`, () =>
      assert.equal(diskSharesMax({ skuName, sizeGiB }), shares));
  }
});
