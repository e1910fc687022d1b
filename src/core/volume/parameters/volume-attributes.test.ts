import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { statedHostCache, unservedAttribute } from "./volume-attributes.ts";

describe("unservedAttribute", () => {
  const refused: readonly { readonly name: string; readonly value: string; readonly problem: RegExp }[] = [
    { name: "partition", value: "0", problem: /from 1 to 128; .*with another value/u },
    { name: "Partition", value: "129", problem: /from 1 to 128/u },
    { name: "partition", value: "-part1", problem: /from 1 to 128/u },
    { name: "blockSize", value: "8192", problem: /must be one of 1024, 2048, 4096; .*with another value/u },
    { name: "InodeSize", value: "128", problem: /must be one of 256, 512, 1024, 2048/u },
    { name: "bytesPerInode", value: "4k", problem: /must be one of 1024, 2048, 4096, 8192/u },
    { name: "fsType", value: "zfs", problem: /must be one of ext4, .*with another value/u },
    { name: "maxMountReplicaCount", value: "many", problem: /whole number from 0 to 14/u },
    {
      name: "cachingMode",
      value: "readonly",
      problem: /must be one of None, ReadOnly, ReadWrite; .*make a PersistentVolume/u,
    },
  ];
  for (const { name, value, problem } of refused) {
    it(`refuses ${name}: ${value}, with a remedy`, () => {
      const failure = unservedAttribute({ skuName: "Premium_LRS", [name]: value }, { accessType: "mount" });
      assert.deepEqual([failure?.field, failure?.value], [`volume_context.${name}`, value]);
      assert.match(failure?.problem ?? "", problem);
    });
  }

  it("refuses a partition as raw block, which is the whole disk", () =>
    assert.match(
      unservedAttribute({ partition: "1" }, { accessType: "block" })?.problem ?? "",
      /needs volumeMode Filesystem: a raw block volume is the whole disk/u,
    ));

  const impossible = [
    {
      because: "mkfs can't make them together",
      context: { blockSize: "1024", inodeSize: "2048" },
      problem: /^must be one of 256, 512, 1024 with fsType ext4, blockSize 1024; .*make a PersistentVolume/u,
    },
    {
      because: "the attributes name a file system without it",
      context: { fsType: "XFS", inodeSize: "256" },
      problem: /^must be one of 512, 1024, 2048 with fsType xfs/u,
    },
    {
      because: "the capability names a file system without it",
      context: { inodeSize: "512" },
      fsType: "btrfs",
      problem: /^is for ext4, ext3, ext2, xfs, not for btrfs: leave it out; /u,
    },
  ] as const;
  for (const { because, context, problem, ...named } of impossible)
    it(`refuses ${JSON.stringify(context)}: ${because}`, () => {
      const failure = unservedAttribute(context, { accessType: "mount", ...named });
      assert.equal(failure?.field, "volume_context.inodeSize");
      assert.match(failure?.problem ?? "", problem);
    });

  it("refuses the geometry of a file system as raw block, which has none", () =>
    assert.match(
      unservedAttribute({ blocksize: "4096" }, { accessType: "block" })?.problem ?? "",
      /is for a file system, and a claim with volumeMode Block gets none/u,
    ));

  const served: readonly { readonly because: string; readonly context: Readonly<Record<string, string>> }[] =
    [
      { because: "nothing is asked for", context: {} },
      {
        because: "empty values ask for nothing",
        context: { partition: "", perfProfile: "", cachingMode: "", attachDiskInitialDelay: "" },
      },
      {
        because: "they only tune, and a refusal would keep the data from its pod for ever",
        context: {
          perfProfile: "Basic",
          attachDiskInitialDelay: "30",
          "device-setting/queue/scheduler": "none",
        },
      },
      {
        because: "these are the defaults of V1",
        context: { perfProfile: "None", writeAcceleratorEnabled: "false", attachDiskInitialDelay: "0" },
      },
      {
        because: "the V2 driver in Go takes it for maxShares - 1",
        context: { maxShares: "3", maxMountReplicaCount: "-1", requestedsizegib: "5" },
      },
      { because: "V1 takes it for no", context: { writeAcceleratorEnabled: "yes" } },
      {
        because: "these are served",
        context: { cachingmode: "ReadWrite", WriteAcceleratorEnabled: "TRUE", fstype: "XFS", Partition: "2" },
      },
      {
        because: "mkfs is given them, or has been given others",
        context: { fsType: "ext3", BlockSize: "4096", inodesize: "512", bytesPerInode: "8192" },
      },
      {
        because: "they shaped the disk when it was created",
        context: {
          DiskIOPSReadWrite: "500",
          networkAccessPolicy: "DenyAll",
          enableBursting: "true",
          tags: "a=b",
          userAgent: "x",
          requestedsizegib: "5",
        },
      },
      {
        because: "the sidecar wrote it",
        context: { "storage.kubernetes.io/csiProvisionerIdentity": "1-disk.csi.azure.com" },
      },
    ];
  for (const { because, context } of served)
    it(`serves ${JSON.stringify(context)}: ${because}`, () =>
      assert.equal(unservedAttribute(context, { accessType: "mount" }), undefined));
});

describe("statedHostCache", () => {
  for (const { attributes, cachingMode, isAccelerated } of [
    { attributes: {}, cachingMode: undefined, isAccelerated: undefined },
    { attributes: { CACHINGMODE: "None" }, cachingMode: "None", isAccelerated: undefined },
    { attributes: { cachingMode: "none", writeAcceleratorEnabled: "yes" } },
    { attributes: { writeacceleratorenabled: "TRUE" }, cachingMode: undefined, isAccelerated: true },
    { attributes: { writeAcceleratorEnabled: "false", cachingMode: "" }, isAccelerated: false },
  ])
    it(`reads ${JSON.stringify(attributes)}`, () =>
      assert.deepEqual(statedHostCache(attributes as Readonly<Record<string, string>>), {
        cachingMode,
        isAccelerated,
      }));
});
