import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { unservedAttribute } from "./volume-attributes.ts";

describe("unservedAttribute", () => {
  const refused: readonly { readonly name: string; readonly value: string; readonly problem: RegExp }[] = [
    { name: "partition", value: "0", problem: /from 1 to 128; .*with another value/u },
    { name: "Partition", value: "129", problem: /from 1 to 128/u },
    { name: "partition", value: "-part1", problem: /from 1 to 128/u },
    {
      name: "writeAcceleratorEnabled",
      value: "yes",
      problem: /true or false; .*make a PersistentVolume/u,
    },
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
      const failure = unservedAttribute({ skuName: "Premium_LRS", [name]: value }, "mount");
      assert.deepEqual([failure?.field, failure?.value], [`volume_context.${name}`, value]);
      assert.match(failure?.problem ?? "", problem);
    });
  }

  it("refuses a partition as raw block, which is the whole disk", () =>
    assert.match(
      unservedAttribute({ partition: "1" }, "block")?.problem ?? "",
      /needs volumeMode Filesystem: a raw block volume is the whole disk/u,
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
        because: "these are served",
        context: { cachingmode: "ReadWrite", WriteAcceleratorEnabled: "TRUE", fstype: "XFS", Partition: "2" },
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
      assert.equal(unservedAttribute(context, "mount"), undefined));
});
