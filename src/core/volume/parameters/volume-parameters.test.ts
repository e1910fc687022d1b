import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { VolumeParameters } from "./volume-parameters.ts";
import {
  parseFileSystemType,
  parseVolumeParameters,
  readableParameters,
  volumeContextOf,
} from "./volume-parameters.ts";

const defaults: VolumeParameters = {
  skuName: "StandardSSD_LRS",
  maxShares: 1,
  maxMountReplicaCount: undefined,
  cachingMode: undefined,
  fsType: undefined,
  blockSize: undefined,
  inodeSize: undefined,
  bytesPerInode: undefined,
  tags: { "k8s-azure-created-by": "kubernetes-azure-dd" },
  resourceGroup: undefined,
  location: undefined,
  DiskIOPSReadWrite: undefined,
  DiskMBpsReadWrite: undefined,
  LogicalSectorSize: undefined,
  enableBursting: undefined,
  enablePerformancePlus: undefined,
  optimizedForFrequentAttach: undefined,
  networkAccessPolicy: "DenyAll",
  publicNetworkAccess: "Disabled",
  diskAccessID: undefined,
  diskEncryptionSetID: undefined,
  diskEncryptionType: undefined,
  writeAcceleratorEnabled: undefined,
  subscriptionID: undefined,
  diskName: undefined,
  perfProfile: undefined,
  userAgent: undefined,
};

const COMPUTE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute";

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
      parameters: { resourceGroup: "กลุ่ม-(1)" },
      parsed: { resourceGroup: "กลุ่ม-(1)" },
      because: "resource groups in scripts that need marks",
    },
    {
      parameters: { DiskIOPSReadWrite: "4000", diskmbpsreadwrite: "200", LogicalSectorSize: "512" },
      parsed: { DiskIOPSReadWrite: 4000, DiskMBpsReadWrite: 200, LogicalSectorSize: 512 },
      because: "numbers of Ultra and Premium v2",
    },
    {
      parameters: {
        enableBursting: "True",
        enablePerformancePlus: "false",
        optimizedForFrequentAttach: "TRUE",
      },
      parsed: { enableBursting: true, enablePerformancePlus: false, optimizedForFrequentAttach: true },
      because: "flags in any case",
    },
    ...["1", "t", "T", "true", "True", "TRUE"].map((stated) => ({
      parameters: { enablePerformancePlus: stated },
      parsed: { enablePerformancePlus: true },
      because: `V1 reads ${stated} as true`,
    })),
    ...["0", "f", "F", "false", "False", "FALSE"].map((stated) => ({
      parameters: { enablePerformancePlus: stated },
      parsed: { enablePerformancePlus: false },
      because: `V1 reads ${stated} as false`,
    })),
    {
      parameters: { networkAccessPolicy: "AllowAll", publicNetworkAccess: "Enabled" },
      parsed: { networkAccessPolicy: "AllowAll", publicNetworkAccess: "Enabled" },
      because: "access is opened by name",
    },
    {
      parameters: { diskAccessID: `${COMPUTE}/diskAccesses/a` },
      parsed: {},
      because: "without a policy V1 closes the disk, and ignores its DiskAccess",
    },
    {
      parameters: {
        networkAccessPolicy: "AllowPrivate",
        diskAccessID: `${COMPUTE}/diskAccesses/a`,
        diskEncryptionSetID: `${COMPUTE}/diskencryptionsets/k`.toLowerCase(),
        diskEncryptionType: "EncryptionAtRestWithPlatformAndCustomerKeys",
      },
      parsed: {
        networkAccessPolicy: "AllowPrivate",
        diskAccessID: `${COMPUTE}/diskAccesses/a`,
        diskEncryptionSetID: `${COMPUTE}/diskencryptionsets/k`.toLowerCase(),
        diskEncryptionType: "EncryptionAtRestWithPlatformAndCustomerKeys",
      },
      because: "ids of Azure, in any case",
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
      parameters: { incremental: "false", maxShares: "3", maxMountReplicaCount: "1" },
      parsed: { maxShares: 3, maxMountReplicaCount: 1 },
      because: "a class of the V2 driver in Go, whose snapshots are no matter of their volume's class",
    },
    {
      parameters: { perfProfile: "Advanced", "Device-Setting/Queue/Nr_Requests": "64" },
      parsed: { perfProfile: "advanced" },
      because: "V1 reads names and profile in any case",
    },
    {
      parameters: { AttachDiskInitialDelay: "1000", userAgent: "", "device-setting/queue/scheduler": "" },
      parsed: {},
      because: "these ask for nothing, or for what is so in any case",
    },
    {
      parameters: { useragent: "pid-1 (me)" },
      parsed: { userAgent: "pid-1 (me)" },
      because: "a partner's usage is attributed by it",
    },
    {
      parameters: {
        diskName: "Data-${pv.metadata.name}",
        "csi.storage.k8s.io/pv/name": "pv-1",
      },
      parsed: {
        diskName: "Data-pv-1",
        tags: { ...defaults.tags, "kubernetes.io-created-for-pv-name": "pv-1" },
      },
      because: "templates are filled in",
    },
    {
      parameters: { WriteAcceleratorEnabled: "True" },
      parsed: {
        writeAcceleratorEnabled: true,
        tags: { ...defaults.tags, writeacceleratorenabled: "true" },
      },
      because: "V1 reads the tag at attach",
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
    {
      parameters: { fsType: "zfs" },
      field: "parameters.fsType",
      problem: /ext4, ext3, ext2, xfs, btrfs, ntfs, refs; did you mean xfs\?$/u,
    },
    { parameters: { fsType: "ext5" }, field: "parameters.fsType", problem: /refs; did you mean ext4\?/u },
    {
      parameters: { fsType: "toString" },
      field: "parameters.fsType",
      problem: /ext4, ext3, ext2, xfs, btrfs, ntfs, refs$/u,
    },
    { parameters: { resourceGroup: "rg/1" }, field: "parameters.resourceGroup", problem: /letters, digits/u },
    {
      parameters: { DiskIOPSReadWrite: "" },
      field: "parameters.DiskIOPSReadWrite",
      problem: /whole number/u,
    },
    { parameters: { DiskMBpsReadWrite: "0" }, field: "parameters.DiskMBpsReadWrite", problem: /from 1 to/u },
    {
      parameters: { LogicalSectorSize: "1024" },
      field: "parameters.LogicalSectorSize",
      problem: /512, 4096/u,
    },
    { parameters: { LogicalSectorSize: "" }, field: "parameters.LogicalSectorSize", problem: /512, 4096/u },
    { parameters: { enableBursting: "yes" }, field: "parameters.enableBursting", problem: /true or false/u },
    // V1 leaves bursting off: on, it would be billed.
    { parameters: { enableBursting: "1" }, field: "parameters.enableBursting", problem: /true or false/u },
    {
      parameters: { enablePerformancePlus: "yes" },
      field: "parameters.enablePerformancePlus",
      problem: /must be true, t, 1 or false, f, 0$/u,
    },
    {
      parameters: { networkAccessPolicy: "denyall" },
      field: "parameters.networkAccessPolicy",
      problem: /AllowAll, DenyAll, AllowPrivate; did you mean DenyAll\?/u,
    },
    {
      parameters: { diskAccessID: `${COMPUTE}/diskEncryptionSets/k` },
      field: "parameters.diskAccessID",
      problem: /must be \/subscriptions\/<id>\/.*\/diskAccesses\/<name>/u,
    },
    {
      parameters: { diskEncryptionSetID: `${COMPUTE.replace(".", "x")}/diskEncryptionSets/k` },
      field: "parameters.diskEncryptionSetID",
      problem: /diskEncryptionSets\/<name>/u,
    },
    {
      parameters: { diskEncryptionType: "EncryptionAtRestWithPlatformKey" },
      field: "parameters.diskEncryptionType",
      problem: /EncryptionAtRestWithCustomerKey/u,
    },
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
      problem: /acts with perfProfile advanced, which is not given/u,
    },
    {
      parameters: { DEVICE_SETTING: "1" },
      field: "parameters.DEVICE_SETTING",
      problem: /no parameter of this driver/u,
    },
    {
      parameters: { perfProfile: "fast" },
      field: "parameters.perfProfile",
      problem: /none, basic, advanced/u,
    },
    {
      parameters: { perfProfile: "advanced" },
      field: "parameters.perfProfile",
      problem: /needs at least one parameter device-setting/u,
    },
    ...[
      "device-setting/../../../etc/passwd",
      "device-setting//queue/scheduler",
      "device-setting/queue/../queue/scheduler",
      "device-setting/queue/write_cache",
      "device-setting/",
    ].map((name) => ({
      parameters: { perfProfile: "advanced", [name]: "none" },
      field: `parameters.${name}`,
      problem: /is no parameter of this driver.*Allowed: device-setting\/device\/queue_depth, /u,
    })),
    {
      parameters: { perfProfile: "advanced", "device-setting/queue/nr_requests": "3" },
      field: "parameters.device-setting/queue/nr_requests",
      problem: /whole number from 4 to 10240/u,
    },
    {
      parameters: { perfProfile: "advanced", "device-setting/queue/scheduler": "none\nx" },
      field: "parameters.device-setting/queue/scheduler",
      problem: /one of none, mq-deadline/u,
    },
    { parameters: { diskName: "a_b" }, field: "parameters.diskName", problem: /letters, digits, - and \./u },
    { parameters: { diskName: "${pvc.name}" }, field: "parameters.diskName", problem: /must contain/u },
    {
      parameters: { diskName: "data-${pvc.metadata.name}" },
      field: "parameters.diskName",
      problem: /must contain \$\{pv\.metadata\.name\}, which no other volume has/u,
    },
    {
      parameters: { diskName: "${pv.metadata.name}" },
      field: "parameters.diskName",
      problem: /is not known: start external-provisioner/u,
    },
    { parameters: { useragent: "me\n" }, field: "parameters.userAgent", problem: /printable ASCII/u },
    { parameters: { userAgent: "m".repeat(201) }, field: "parameters.userAgent", problem: /1 to 200/u },
    {
      parameters: { subscriptionID: "mine" },
      field: "parameters.subscriptionID",
      problem: /id of a subscription/u,
    },
    {
      parameters: { writeAcceleratorEnabled: "1" },
      field: "parameters.writeAcceleratorEnabled",
      problem: /true or false/u,
    },
    {
      parameters: { writeAcceleratorEnabled: "true", tags: "WriteAcceleratorEnabled=false" },
      field: "parameters.tags",
      problem: /the driver sets itself/u,
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
});

describe("parseVolumeParameters: diskName", () => {
  it("shortens a long name to one of 80 characters that no other name has", () => {
    const [one, other] = ["1", "2"].map((end) => {
      const parsed = parseVolumeParameters({
        diskName: `${"a".repeat(90)}\${pv.metadata.name}`,
        "csi.storage.k8s.io/pv/name": end,
      });
      assert.ok(parsed.ok);
      return parsed.value.diskName;
    });
    assert.match(one ?? "", /^a{55}-[0-9a-f]{24}$/u);
    assert.notEqual(one, other);
  });
});

describe("volumeContextOf", () => {
  const premium = { skuName: "Premium_LRS", maxShares: 1, sizeGiB: 10 } as const;

  it("has V1 cache no disk that Azure does not cache", () => {
    for (const disk of [
      { ...premium, skuName: "PremiumV2_LRS" },
      { ...premium, skuName: "UltraSSD_LRS" },
      { ...premium, maxShares: 2 },
    ] as const)
      for (const stated of [{}, { CachingMode: "" }, { cachingmode: "None" }])
        assert.deepEqual(volumeContextOf(stated, disk), { cachingMode: "None", requestedsizegib: "10" });
    const readWrite = { cachingMode: "ReadWrite" };
    assert.deepEqual(volumeContextOf(readWrite, premium), { ...readWrite, requestedsizegib: "10" });
  });

  it("is all parameters as given and the requested size", () => {
    assert.deepEqual(
      volumeContextOf({ skuName: "Premium_LRS", kind: "Dedicated", RequestedSizeGiB: "1" }, premium),
      {
        skuName: "Premium_LRS",
        kind: "Managed",
        requestedsizegib: "10",
      },
    );
  });

  it("can be parsed again", () => {
    assert.deepEqual(
      parseVolumeParameters(volumeContextOf({ skuName: "Premium_LRS" }, premium)),
      parseVolumeParameters({ skuName: "Premium_LRS" }),
    );
  });
});

describe("parseFileSystemType", () => {
  it("counts empty as not stated", () =>
    assert.deepEqual(parseFileSystemType("", "fs_type"), { ok: true, value: undefined }));

  it("names the field that it was given for", () => {
    const parsed = parseFileSystemType("zfs", "volume_capability.mount.fs_type");
    assert.ok(!parsed.ok);
    assert.equal(parsed.failure.field, "volume_capability.mount.fs_type");
  });
});

describe("readableParameters", () => {
  const read = (parameters: Readonly<Record<string, string>>): unknown => {
    const { cachingMode, fsType, maxMountReplicaCount } = readableParameters(parameters);
    return [cachingMode, fsType, maxMountReplicaCount];
  };
  for (const { parameters, readable, because } of [
    { parameters: {}, readable: [undefined, undefined, undefined], because: "nothing is stated" },
    {
      parameters: { cachingMode: "some", fsType: "xfs", other: "x" },
      readable: [undefined, "xfs", undefined],
      because: "one can't be read",
    },
    {
      parameters: { skuName: "Premium_LRS", storageAccountType: "Standard_LRS", fsType: "xfs" },
      readable: [undefined, "xfs", undefined],
      because: "two parameters contradict each other",
    },
    {
      parameters: { maxMountReplicaCount: "1", cachingMode: "None", CACHINGMODE: "ReadOnly" },
      readable: ["None", undefined, 1],
      because: "one is given twice",
    },
  ])
    it(`reads the others where ${because}`, () =>
      assert.deepEqual(read(parameters as Readonly<Record<string, string>>), readable));
});
