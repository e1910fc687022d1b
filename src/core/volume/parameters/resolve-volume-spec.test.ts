import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { VolumeCapability } from "../../api/az-volume.ts";
import { gibToBytes } from "../../primitives/units.ts";
import {
  cachingModeAtAttach,
  chooseCachingMode,
  chooseFileSystem,
  resolveVolumeSpec,
} from "./resolve-volume-spec.ts";
import { parseVolumeParameters, type VolumeParameters } from "./volume-parameters.ts";

function parametersWith(overrides: Partial<VolumeParameters>): VolumeParameters {
  const parsed = parseVolumeParameters({ skuName: "Premium_LRS" });
  assert.ok(parsed.ok);
  return { ...parsed.value, tags: {}, ...overrides };
}

/** The fields that every new disk has. */
const closed = { networkAccessPolicy: "DenyAll", publicNetworkAccess: "Disabled" } as const;

const aMount: VolumeCapability = { accessMode: "SINGLE_NODE_WRITER", accessType: "mount" };
const aSharedBlock: VolumeCapability = { accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" };

function resolve(
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

/** The field that a refusal names; undefined: it names none, or the spec was resolved. */
function fieldOf(resolved: ReturnType<typeof resolveVolumeSpec>): string | undefined {
  return !resolved.ok && "field" in resolved.failure ? resolved.failure.field : undefined;
}

describe("resolveVolumeSpec", () => {
  it("keeps no replica of an unshared disk", () => {
    assert.deepEqual(resolve({}), {
      ok: true,
      value: {
        disk: { skuName: "Premium_LRS", sizeGiB: 1024, maxShares: 1, tags: {}, ...closed },
        maxMountReplicaCount: 0,
      },
    });
  });

  it("keeps a replica for every share but the writer's", () => {
    assert.deepEqual(resolve({ maxShares: 3 }), {
      ok: true,
      value: {
        disk: { skuName: "Premium_LRS", sizeGiB: 1024, maxShares: 3, tags: {}, ...closed },
        maxMountReplicaCount: 2,
      },
    });
  });

  it("keeps as many replicas as requested", () => {
    const resolved = resolve({ maxShares: 3, maxMountReplicaCount: 0 });
    assert.equal(resolved.ok && resolved.value.maxMountReplicaCount, 0);
  });

  for (const [parameters, replicas, because] of [
    [
      { maxShares: 3 },
      0,
      "keeps no replica of a disk that several nodes use, unless its class asks for them",
    ],
    [
      { maxShares: 3, maxMountReplicaCount: 2 },
      2,
      "keeps as many as asked for where several nodes use the disk",
    ],
    [{ maxShares: 3, maxMountReplicaCount: 0 }, 0, "keeps none where none is asked for"],
  ] as const)
    it(because, () => {
      const resolved = resolve(parameters, 1024, aSharedBlock);
      assert.equal(resolved.ok && resolved.value.maxMountReplicaCount, replicas);
    });

  it("refuses more replicas than a disk of several nodes leaves shares for", () => {
    const resolved = resolve({ maxShares: 2, maxMountReplicaCount: 2 }, 1024, aSharedBlock);
    assert.equal(fieldOf(resolved), "parameters.maxMountReplicaCount");
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
    {
      parameters: { writeAcceleratorEnabled: true, maxShares: 2 },
      field: "parameters.writeAcceleratorEnabled",
      because: "shared disks have no write accelerator",
    },
    {
      parameters: { writeAcceleratorEnabled: true, skuName: "StandardSSD_LRS" as const },
      field: "parameters.writeAcceleratorEnabled",
      because: "only Premium disks have a write accelerator",
    },
    {
      parameters: { writeAcceleratorEnabled: true, cachingMode: "ReadWrite" as const },
      field: "parameters.writeAcceleratorEnabled",
      because: "two caches of writes",
    },
    {
      parameters: { maxShares: 2, fsType: "ntfs" as const },
      field: "parameters.maxShares",
      because: "Windows mounts a replica",
    },
  ];
  for (const { parameters, field, because } of refused) {
    it(`refuses: ${because}`, () => {
      const resolved = resolve(parameters);
      assert.equal(fieldOf(resolved), field);
    });
  }

  it("refuses a profile of Windows, which has no such settings", () =>
    assert.equal(fieldOf(resolve({ fsType: "ntfs", perfProfile: "advanced" })), "parameters.perfProfile"));

  for (const skuName of ["Standard_LRS", "UltraSSD_LRS", "PremiumV2_LRS"] as const)
    it(`takes a profile of ${skuName}, also the one that has no values for it, as V1 does`, () =>
      assert.deepEqual(
        (["basic", "advanced"] as const).map((perfProfile) => resolve({ skuName, perfProfile }).ok),
        [true, true],
      ));

  it("refuses a multi-node mode on an unshared disk", () => {
    const resolved = resolve({}, 1024, aSharedBlock);
    assert.equal(fieldOf(resolved), "volume_capability.access_mode");
  });

  it("refuses a file system that it can't make", () => {
    const resolved = resolve({}, 1024, { ...aMount, fsType: "zfs" });
    assert.equal(fieldOf(resolved), "volume_capability.mount.fs_type");
  });

  it("takes a class with a cache for a claim whose disk is too large for one", () => {
    const resolved = resolve({ cachingMode: "ReadOnly" }, 8192);
    assert.equal(resolved.ok && resolved.value.cachingMode, "ReadOnly");
  });

  it("refuses a size beyond the SKU's", () => {
    const resolved = resolve({}, 40_000);
    assert.equal(!resolved.ok && resolved.failure.kind, "OutOfRange");
  });
});

describe("resolveVolumeSpec: fields", () => {
  it("keeps what the parameters state, each in its field", () => {
    const resolved = resolve({
      resourceGroup: "rg-1",
      location: "eastus",
      tags: { a: "1" },
      cachingMode: "None",
      fsType: "xfs",
      writeAcceleratorEnabled: true,
    });
    assert.deepEqual(resolved.ok && resolved.value, {
      disk: {
        skuName: "Premium_LRS",
        sizeGiB: 1024,
        maxShares: 1,
        resourceGroup: "rg-1",
        location: "eastus",
        tags: { a: "1" },
        ...closed,
      },
      cachingMode: "None",
      fsType: "xfs",
      writeAcceleratorEnabled: true,
      maxMountReplicaCount: 0,
    });
  });

  it("makes a disk for performance plus that is large enough", () => {
    const resolved = resolve({ enablePerformancePlus: true }, 10);
    assert.equal(resolved.ok && resolved.value.disk.sizeGiB, 513);
  });

  it("refuses a contradiction by the name of the parameter", () => {
    const resolved = resolve({ networkAccessPolicy: "AllowPrivate" });
    assert.ok(!resolved.ok && resolved.failure.kind === "InvalidArgument");
    assert.deepEqual(
      [resolved.failure.field, resolved.failure.value],
      ["parameters.networkAccessPolicy", "AllowPrivate"],
    );
  });

  const performance: readonly (readonly [
    Partial<VolumeParameters>,
    sizeGiB: number,
    iops: number | undefined,
    mbps: number | undefined,
    because: string,
  ])[] = [
    [{ skuName: "UltraSSD_LRS" }, 4, 500, 100, "V1's least"],
    [{ skuName: "UltraSSD_LRS" }, 1024, 1024, 100, "an operation for each GiB"],
    [{ skuName: "UltraSSD_LRS" }, 65_536, 65_536, 256, "1 MB/s for 256 operations"],
    [{ skuName: "UltraSSD_LRS" }, 65_535, 65_535, 256, "Azure refuses 255 MB/s for them"],
    [{ skuName: "UltraSSD_LRS", DiskIOPSReadWrite: 2000 }, 100, 2000, 100, "V1's throughput"],
    [{ skuName: "UltraSSD_LRS", DiskMBpsReadWrite: 100 }, 100, 500, 100, "V1's IOPS"],
    [{ skuName: "UltraSSD_LRS", DiskIOPSReadWrite: 200 }, 100, 200, 50, "Azure refuses V1's: too much"],
    [
      { skuName: "UltraSSD_LRS", DiskIOPSReadWrite: 51_200 },
      100,
      51_200,
      200,
      "Azure refuses V1's: too little",
    ],
    [{ skuName: "UltraSSD_LRS", DiskMBpsReadWrite: 1000 }, 100, 4000, 1000, "Azure refuses V1's: too few"],
    [{ skuName: "UltraSSD_LRS", DiskMBpsReadWrite: 1 }, 4, 256, 1, "Azure refuses V1's: too many"],
    [{ skuName: "UltraSSD_LRS", DiskMBpsReadWrite: 100 }, 1024, 1024, 100, "Azure refuses V1's: too large"],
    [{ skuName: "PremiumV2_LRS" }, 1024, undefined, undefined, "Azure's base is free"],
  ];
  for (const [parameters, sizeGiB, iops, mbps, because] of performance)
    it(`gives ${parameters.skuName ?? ""} of ${sizeGiB} GiB ${iops} IOPS, ${mbps} MB/s: ${because}`, () => {
      const resolved = resolve(parameters, sizeGiB);
      assert.ok(resolved.ok, JSON.stringify(resolved));
      const { diskIOPSReadWrite, diskMBpsReadWrite } = resolved.value.disk;
      assert.deepEqual([diskIOPSReadWrite, diskMBpsReadWrite], [iops, mbps]);
    });
});

describe("resolveVolumeSpec with a geometry", () => {
  const refused: readonly (readonly [Partial<VolumeParameters>, number, string, RegExp])[] = [
    [{ blockSize: 1024 }, 64, "blockSize", /^must be one of 2048, 4096 with fsType ext4, 64 GiB$/u],
    [{ blockSize: 1024, inodeSize: 2048 }, 8, "inodeSize", /^must be one of 256, 512, 1024 with/u],
    [{ bytesPerInode: 1024 }, 8, "bytesPerInode", /^must be one of 4096, .* blockSize 4096/u],
    [{ fsType: "btrfs", inodeSize: 512 }, 8, "inodeSize", /not for btrfs: leave it out$/u],
    [{ fsType: "ntfs", blockSize: 4096 }, 8, "blockSize", /not for ntfs: leave it out$/u],
    [{ skuName: "PremiumV2_LRS", blockSize: 2048 }, 8, "blockSize", /8 GiB, sectors of 4096 bytes$/u],
  ];
  for (const [parameters, sizeGiB, name, problem] of refused)
    it(`refuses ${JSON.stringify(parameters)} for ${sizeGiB} GiB, with what is allowed`, () => {
      const resolved = resolve(parameters, sizeGiB);
      assert.equal(fieldOf(resolved), `parameters.${name}`);
      assert.ok(!resolved.ok && resolved.failure.kind === "InvalidArgument");
      assert.match(resolved.failure.problem, problem);
    });

  it("refuses it by the file system that only the capability names", () =>
    assert.equal(
      fieldOf(resolve({ blockSize: 2048 }, 8, { ...aMount, fsType: "ext3" })),
      "parameters.blockSize",
    ));

  it("refuses it for raw block, which would ignore it", () => {
    const block: VolumeCapability = { accessMode: "SINGLE_NODE_WRITER", accessType: "block" };
    const resolved = resolve({ inodeSize: 512 }, 8, block);
    assert.equal(fieldOf(resolved), "parameters.inodeSize");
  });

  it("allows what mkfs and growth can serve", () => {
    for (const parameters of [
      { blockSize: 1024, bytesPerInode: 1024 },
      { fsType: "xfs", blockSize: 1024, inodeSize: 512 },
      { skuName: "PremiumV2_LRS", LogicalSectorSize: 512, blockSize: 2048 },
    ] as const)
      assert.ok(resolve(parameters, 8).ok, JSON.stringify(parameters));
  });
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
      mode: "None",
      because: "a class that asks for ReadOnly does not know the size",
    },
    {
      disk: { ...plain, skuName: "UltraSSD_LRS", cachingMode: "ReadOnly" },
      mode: undefined,
      because: "asked for, but never cached",
    },
    {
      disk: { ...plain, sizeGiB: 4096, maxShares: 2, cachingMode: "ReadOnly" },
      mode: undefined,
      because: "asked for of a shared disk, however large",
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
