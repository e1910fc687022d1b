import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { unservedAttribute } from "./volume-attributes.ts";

describe("unservedAttribute", () => {
  const refused: readonly { readonly name: string; readonly value: string; readonly problem: RegExp }[] = [
    { name: "partition", value: "1", problem: /whole disks; copy the partition's files/u },
    { name: "Partition", value: "0", problem: /whole disks/u },
    {
      name: "attachDiskInitialDelay",
      value: "30",
      problem: /attaches are not delayed; .*make a PersistentVolume/u,
    },
    {
      name: "writeAcceleratorEnabled",
      value: "true",
      problem: /without write accelerator; .*make a PersistentVolume/u,
    },
    { name: "perfProfile", value: "Basic", problem: /settings of the kernel/u },
    { name: "device-setting/queue/scheduler", value: "none", problem: /settings of the kernel/u },
    {
      name: "cachingMode",
      value: "readonly",
      problem: /must be one of None, ReadOnly, ReadWrite; .*make a PersistentVolume/u,
    },
  ];
  for (const { name, value, problem } of refused) {
    it(`refuses ${name}: ${value}, with a remedy`, () => {
      const failure = unservedAttribute({ skuName: "Premium_LRS", [name]: value });
      assert.deepEqual([failure?.field, failure?.value], [`volume_context.${name}`, value]);
      assert.match(failure?.problem ?? "", problem);
    });
  }

  const served: readonly { readonly because: string; readonly context: Readonly<Record<string, string>> }[] =
    [
      { because: "nothing is asked for", context: {} },
      {
        because: "empty values ask for nothing",
        context: { partition: "", perfProfile: "", cachingMode: "", attachDiskInitialDelay: "" },
      },
      {
        because: "these are the defaults of V1",
        context: { perfProfile: "None", writeAcceleratorEnabled: "false", attachDiskInitialDelay: "0" },
      },
      { because: "the mode is served", context: { cachingmode: "ReadWrite" } },
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
      assert.equal(unservedAttribute(context), undefined));
});
