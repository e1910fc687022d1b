import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { VolumeCapability } from "../api/az-volume.ts";
import { gibToBytes } from "../primitives/units.ts";
import type { DiskSku } from "./disk-sku.ts";
import {
  cachingModeAtAttach,
  checkDisk,
  chooseCachingMode,
  chooseFileSystem,
  diskSharesMax,
  resolveVolumeSpec,
} from "./resolve-volume-spec.ts";
import type { VolumeParameters } from "./volume-parameters.ts";

function parametersWith(overrides: Partial<VolumeParameters> = {}): VolumeParameters {
  return {
    skuName: "Premium_LRS",
    maxShares: 1,
    maxMountReplicaCount: undefined,
    cachingMode: undefined,
    fsType: undefined,
    tags: {},
    resourceGroup: undefined,
    location: undefined,
    ...overrides,
  };
}

const aMount: VolumeCapability = { accessMode: "SINGLE_NODE_WRITER", accessType: "mount" };
const aSharedBlock: VolumeCapability = { accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" };

function settle(
  parameters: Partial<VolumeParameters>,
  sizeGiB = 1024,
  capability = aMount,
): ReturnType<typeof resolveVolumeSpec> {
  return resolveVolumeSpec({
    parameters: parametersWith(parameters),
    capabilities: [capability],
    capacity: { requiredBytes: gibToBytes(sizeGiB), limitBytes: 0n },
  });
}

describe("resolveVolumeSpec", () => {
  it("keeps no replica of an unshared disk", () => {
    assert.deepEqual(settle({}), {
      ok: true,
      value: {
        disk: { skuName: "Premium_LRS", sizeGiB: 1024, maxShares: 1, tags: {} },
        maxMountReplicaCount: 0,
      },
    });
  });

  it("keeps a replica for every share but the writer's", () => {
    assert.deepEqual(settle({ maxShares: 3 }), {
      ok: true,
      value: {
        disk: { skuName: "Premium_LRS", sizeGiB: 1024, maxShares: 3, tags: {} },
        maxMountReplicaCount: 2,
      },
    });
  });

  it("keeps as many replicas as requested", () => {
    const settled = settle({ maxShares: 3, maxMountReplicaCount: 0 });
    assert.equal(settled.ok && settled.value.maxMountReplicaCount, 0);
  });

  it("keeps no replica where several nodes use the disk at once", () => {
    const settled = settle({ maxShares: 3, maxMountReplicaCount: 2 }, 1024, aSharedBlock);
    assert.equal(settled.ok && settled.value.maxMountReplicaCount, 0);
  });

  const refused = [
    {
      parameters: { maxShares: 3, maxMountReplicaCount: 3 },
      field: "parameters.maxMountReplicaCount",
      because: "no share is left for the writer",
    },
    {
      parameters: { maxMountReplicaCount: 1 },
      field: "parameters.maxMountReplicaCount",
      because: "an unshared disk has no replica",
    },
    { parameters: { maxShares: 6 }, field: "parameters.maxShares", because: "a P30 disk has 5 shares" },
    {
      parameters: { maxShares: 2, skuName: "Standard_LRS" as const },
      field: "parameters.maxShares",
      because: "Azure shares no HDD",
    },
    {
      parameters: { maxShares: 2, cachingMode: "ReadOnly" as const },
      field: "parameters.cachingMode",
      because: "shared disks are not cached",
    },
  ];
  for (const { parameters, field, because } of refused) {
    it(`refuses: ${because}`, () => {
      const settled = settle(parameters);
      assert.ok(!settled.ok);
      assert.equal(settled.failure.field, field);
    });
  }

  it("refuses a multi-node mode on an unshared disk", () => {
    const settled = settle({}, 1024, aSharedBlock);
    assert.equal(!settled.ok && settled.failure.field, "volume_capability.access_mode");
  });

  it("refuses a file system that it can't make", () => {
    const settled = settle({}, 1024, { ...aMount, fsType: "ntfs" });
    assert.equal(!settled.ok && settled.failure.field, "volume_capability.mount.fs_type");
  });

  it("refuses a size beyond the SKU's", () => {
    const settled = settle({}, 40_000);
    assert.equal(!settled.ok && settled.failure.kind, "OutOfRange");
  });
});

describe("resolveVolumeSpec: fields", () => {
  it("keeps what the parameters state, each in its field", () => {
    const settled = settle({
      resourceGroup: "rg-1",
      location: "eastus",
      tags: { a: "1" },
      cachingMode: "ReadWrite",
      fsType: "xfs",
    });
    assert.deepEqual(settled.ok && settled.value, {
      disk: {
        skuName: "Premium_LRS",
        sizeGiB: 1024,
        maxShares: 1,
        resourceGroup: "rg-1",
        location: "eastus",
        tags: { a: "1" },
      },
      cachingMode: "ReadWrite",
      fsType: "xfs",
      maxMountReplicaCount: 0,
    });
  });
});

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

describe("chooseCachingMode", () => {
  const plain = { skuName: "Premium_LRS", sizeGiB: 4095, maxShares: 1, cachingMode: undefined } as const;
  const rows = [
    { disk: plain, mode: "ReadOnly", because: "the default" },
    { disk: { ...plain, cachingMode: "ReadWrite" }, mode: "ReadWrite", because: "as asked" },
    { disk: { ...plain, sizeGiB: 4096 }, mode: "None", because: "too large to be cached" },
    { disk: { ...plain, maxShares: 2 }, mode: "None", because: "shared" },
    { disk: { ...plain, skuName: "PremiumV2_LRS" }, mode: "None", because: "a SKU that is never cached" },
    {
      disk: { ...plain, skuName: "UltraSSD_LRS", cachingMode: "None" },
      mode: "None",
      because: "None is always possible",
    },
    {
      disk: { ...plain, sizeGiB: 4096, cachingMode: "ReadOnly" },
      mode: undefined,
      because: "asked for, but too large",
    },
    {
      disk: { ...plain, skuName: "UltraSSD_LRS", cachingMode: "ReadOnly" },
      mode: undefined,
      because: "asked for, but never cached",
    },
  ] as const;
  for (const { disk, mode, because } of rows) {
    it(`${mode === undefined ? "refuses" : `answers ${mode}`}: ${because}`, () => {
      const chosen = chooseCachingMode(disk);
      assert.equal(chosen.ok ? chosen.value : undefined, mode);
      assert.equal(cachingModeAtAttach(disk), mode ?? "None");
    });
  }
});

describe("chooseFileSystem", () => {
  for (const [fsType, capabilityFsType, chosen, because] of [
    [undefined, undefined, "ext4", "nothing is stated"],
    [undefined, "", "ext4", "an empty capability states nothing"],
    [undefined, "xfs", "xfs", "the capability states one"],
    ["ext3", "xfs", "ext3", "parameters go before the capability, as V1"],
  ] as const) {
    it(`answers ${chosen}: ${because}`, () =>
      assert.deepEqual(chooseFileSystem({ fsType }, capabilityFsType), { ok: true, value: chosen }));
  }
});
