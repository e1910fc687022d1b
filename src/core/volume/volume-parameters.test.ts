import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { laterParameterNames } from "./volume-parameter-names.ts";
import type { VolumeParameters } from "./volume-parameters.ts";
import { parseFileSystemType, parseVolumeParameters, volumeContextOf } from "./volume-parameters.ts";

const defaults: VolumeParameters = {
  skuName: "StandardSSD_LRS",
  maxShares: 1,
  maxMountReplicaCount: undefined,
  cachingMode: undefined,
  fsType: undefined,
  tags: { "k8s-azure-created-by": "kubernetes-azure-dd" },
  resourceGroup: undefined,
  location: undefined,
};

describe("parseVolumeParameters", () => {
  const accepted: readonly {
    readonly parameters: Record<string, string>;
    readonly parsed: Partial<VolumeParameters>;
    readonly because: string;
  }[] = [
    { parameters: {}, parsed: {}, because: "everything has a default" },
    {
      parameters: { SKUNAME: "Premium_LRS" },
      parsed: { skuName: "Premium_LRS" },
      because: "names are compared without case",
    },
    {
      parameters: { storageAccountType: "Premium_ZRS" },
      parsed: { skuName: "Premium_ZRS" },
      because: "the in-tree driver's name of the SKU",
    },
    {
      parameters: { skuName: "Premium_LRS", storageAccountType: "Premium_LRS" },
      parsed: { skuName: "Premium_LRS" },
      because: "both names agree",
    },
    {
      parameters: { maxShares: "3", maxMountReplicaCount: "2" },
      parsed: { maxShares: 3, maxMountReplicaCount: 2 },
      because: "counts",
    },
    {
      parameters: { cachingMode: "None", fsType: "XFS" },
      parsed: { cachingMode: "None", fsType: "xfs" },
      because: "file systems in any case, as V1",
    },
    {
      parameters: { resourceGroup: "rg-1", location: "East US" },
      parsed: { resourceGroup: "rg-1", location: "eastus" },
      because: "display names of regions",
    },
    {
      parameters: { skuName: "", cachingMode: "", fsType: "", tags: "", resourceGroup: "", location: "" },
      parsed: {},
      because: "templates leave empty values",
    },
    {
      parameters: { kind: "Dedicated", zoned: "true", enableAsyncAttach: "false" },
      parsed: {},
      because: "leftovers of older drivers",
    },
    {
      parameters: { requestedsizegib: "5" },
      parsed: {},
      because: "a volume context is read by the same rules",
    },
    {
      parameters: {
        "csi.storage.k8s.io/pv/name": "pv-1",
        "csi.storage.k8s.io/pvc/name": "claim",
        "csi.storage.k8s.io/pvc/namespace": "ns",
      },
      parsed: {
        tags: {
          ...defaults.tags,
          "kubernetes.io-created-for-pv-name": "pv-1",
          "kubernetes.io-created-for-pvc-name": "claim",
          "kubernetes.io-created-for-pvc-namespace": "ns",
        },
      },
      because: "the provisioner's metadata become tags",
    },
  ];
  for (const { parameters, parsed, because } of accepted) {
    it(`accepts ${JSON.stringify(parameters)}: ${because}`, () => {
      assert.deepEqual(parseVolumeParameters(parameters), { ok: true, value: { ...defaults, ...parsed } });
    });
  }

  const refused = [
    {
      parameters: { skuName: "premium_lrs" },
      field: "parameters.skuName",
      problem: /one of Standard_LRS, .*did you mean Premium_LRS\?/u,
    },
    {
      parameters: { skuName: "Premium_LRS", storageAccountType: "Premium_ZRS" },
      field: "parameters.storageAccountType",
      problem: /contradicts skuName/u,
    },
    {
      parameters: { skuName: "Premium_LRS", SkuName: "Premium_LRS" },
      field: "parameters.SkuName",
      problem: /given twice, also as skuName/u,
    },
    { parameters: { maxShares: "0" }, field: "parameters.maxShares", problem: /whole number from 1 to 15/u },
    { parameters: { maxShares: "" }, field: "parameters.maxShares", problem: /whole number/u },
    { parameters: { maxShares: "2.0" }, field: "parameters.maxShares", problem: /whole number/u },
    { parameters: { maxShares: "-1" }, field: "parameters.maxShares", problem: /whole number/u },
    {
      parameters: { maxShares: "99999999999999999999" },
      field: "parameters.maxShares",
      problem: /whole number/u,
    },
    {
      parameters: { maxMountReplicaCount: "many" },
      field: "parameters.maxMountReplicaCount",
      problem: /whole number from 0 to 14/u,
    },
    {
      parameters: { cachingMode: "readonly" },
      field: "parameters.cachingMode",
      problem: /None, ReadOnly, ReadWrite; did you mean ReadOnly\?/u,
    },
    { parameters: { fsType: "btrfs" }, field: "parameters.fsType", problem: /ext4, ext3, ext2, xfs/u },
    { parameters: { resourceGroup: "rg/1" }, field: "parameters.resourceGroup", problem: /letters, digits/u },
    { parameters: { location: "east-us" }, field: "parameters.location", problem: /Azure region/u },
    {
      parameters: { skuNam: "Premium_LRS" },
      field: "parameters.skuNam",
      problem: /no parameter of this driver; did you mean skuName\? Allowed: skuName, /u,
    },
    {
      parameters: { colour: "blue" },
      field: "parameters.colour",
      problem: /no parameter of this driver\. Allowed/u,
    },
    {
      parameters: { "device-setting/queue/scheduler": "none" },
      field: "parameters.device-setting/queue/scheduler",
      problem: /does not support yet/u,
    },
  ];
  for (const { parameters, field, problem } of refused) {
    it(`refuses ${JSON.stringify(parameters)} by name`, () => {
      const parsed = parseVolumeParameters(parameters as Record<string, string>);
      assert.ok(!parsed.ok);
      assert.equal(parsed.failure.field, field);
      assert.match(parsed.failure.problem, problem);
    });
  }

  for (const name of laterParameterNames) {
    it(`says that ${name} comes later`, () => {
      const parsed = parseVolumeParameters({ [name.toUpperCase()]: "1" });
      assert.ok(!parsed.ok);
      assert.match(parsed.failure.problem, /does not support yet/u);
    });
  }
});

describe("volumeContextOf", () => {
  it("is all parameters as given and the requested size", () => {
    assert.deepEqual(
      volumeContextOf({ skuName: "Premium_LRS", kind: "Dedicated", RequestedSizeGiB: "1" }, 10),
      {
        skuName: "Premium_LRS",
        kind: "Managed",
        requestedsizegib: "10",
      },
    );
  });

  it("can be parsed again", () => {
    assert.deepEqual(
      parseVolumeParameters(volumeContextOf({ skuName: "Premium_LRS" }, 10)),
      parseVolumeParameters({ skuName: "Premium_LRS" }),
    );
  });
});

describe("parseFileSystemType", () => {
  it("counts empty as not stated", () =>
    assert.deepEqual(parseFileSystemType("", "fs_type"), { ok: true, value: undefined }));

  it("names the field that it was given for", () => {
    const parsed = parseFileSystemType("ntfs", "volume_capability.mount.fs_type");
    assert.ok(!parsed.ok);
    assert.equal(parsed.failure.field, "volume_capability.mount.fs_type");
  });
});
