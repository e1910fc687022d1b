import { type ParityRow, refused, yes } from "./parity-row.ts";

/** V1's StorageClass parameters, without those that external-provisioner adds. */
export const parametersOfV1 = [
  "skuName",
  "storageAccountType",
  "kind",
  "zoned",
  "enableAsyncAttach",
  "cachingMode",
  "fsType",
  "location",
  "resourceGroup",
  "subscriptionID",
  "diskName",
  "DiskIOPSReadWrite",
  "DiskMBpsReadWrite",
  "LogicalSectorSize",
  "tags",
  "tagValueDelimiter",
  "diskEncryptionSetID",
  "diskEncryptionType",
  "writeAcceleratorEnabled",
  "maxShares",
  "networkAccessPolicy",
  "publicNetworkAccess",
  "diskAccessID",
  "enableBursting",
  "enablePerformancePlus",
  "perfProfile",
  "attachDiskInitialDelay",
  "userAgent",
] as const;

/** V1's file systems, values of `fsType`. */
export const fileSystemsOfV1 = ["ext4", "ext3", "ext2", "xfs", "btrfs", "ntfs"] as const;

/** V1's VolumeSnapshotClass parameters. */
export const snapshotParametersOfV1 = [
  "resourceGroup",
  "incremental",
  "tags",
  "tagValueDelimiter",
  "userAgent",
  "subscriptionID",
  "location",
  "dataAccessAuthMode",
  "networkAccessPolicy",
  "publicNetworkAccess",
  "instantAccessDurationMinutes",
] as const;

/** V1's VolumeAttributesClass parameters that act; it accepts and ignores all others. */
export const mutableParametersOfV1 = ["skuName", "DiskIOPSReadWrite", "DiskMBpsReadWrite"] as const;

const CLASS_PAGE = "[StorageClass](storage-class.md#disk)";

const parameterRemarks: Readonly<Partial<Record<(typeof parametersOfV1)[number], string>>> = {
  kind: "accepted; the volume context says `Managed`, as in V1",
  zoned: "accepted; has no effect in V1 either",
  enableAsyncAttach: "accepted; has no effect in V1 either",
  attachDiskInitialDelay:
    "accepted; V1 delays all attaches of the cluster by it, so that they share updates. Here those that " +
    "arrive during an update of their VM share the next one, without a delay",
  userAgent: `${CLASS_PAGE}; goes before the driver's own, which Azure's logs keep`,
  fsType: `${CLASS_PAGE}; each file system below`,
  subscriptionID: "must be the cluster's: Azure attaches a disk only to VMs of the disk's own subscription",
  DiskIOPSReadWrite: `${CLASS_PAGE}; where Azure refuses V1's default of an Ultra disk, the nearest one`,
  DiskMBpsReadWrite: `${CLASS_PAGE}; where Azure refuses V1's default of an Ultra disk, the nearest one`,
  diskName: "must contain `${pv.metadata.name}`, so that no two volumes share a disk",
  diskEncryptionSetID: `${CLASS_PAGE}; never inherited, see below`,
  maxShares: "[StorageClass](storage-class.md#replicas)",
  perfProfile: "[device settings](storage-class.md#device-settings)",
};

const fileSystemRemarks: Readonly<Partial<Record<(typeof fileSystemsOfV1)[number], string>>> = {
  btrfs:
    "on one device. Refused: a btrfs that spans several disks, which would write to disks that are not the " +
    "volume's; a seed. A copy beside its source on one node needs Linux 6.7; before, its mount is refused, " +
    "since the kernel would take both for one file system",
  ntfs:
    "also `refs`; for Windows nodes (built, not yet run on Windows), and their default. One of Linux is " +
    "refused there, where V1 makes `ntfs` of it: [Windows nodes](../windows.md#volumes-of-v1)",
};

/** Rows of StorageClass parameters. */
export function parameterParity(): readonly ParityRow[] {
  return [
    ...parametersOfV1.map((name) => yes(`\`${name}\``, parameterRemarks[name] ?? CLASS_PAGE)),
    refused(
      "encryption set of the VM's OS disk, inherited at attach by a disk that has none",
      "with replicas a disk is attached to several VMs, and a failover must not change its key. A class " +
        "names the set (`diskEncryptionSetID`); " +
        "[what that means for disks of V1](../install.md#over-a-cluster-with-v1)",
    ),
    yes(
      "`device-setting/<path>`",
      "[from a list](storage-class.md#device-settings); other paths are refused",
    ),
    ...fileSystemsOfV1.map((name) => yes(`\`fsType: ${name}\``, fileSystemRemarks[name] ?? CLASS_PAGE)),
    yes(
      "`csi.storage.k8s.io/pv/name`, `…/pvc/name`, `…/pvc/namespace`",
      "[tags of the disk](storage-class.md#set-by-external-provisioner)",
    ),
    yes(
      "options of mkfs",
      "V1 has no parameter for them. Here `blockSize`, `inodeSize` and `bytesPerInode`, " +
        "[from a list](storage-class.md#file-system) that every node's kernel, check and growth knows; its " +
        "features can't be chosen. ext is made without blocks for root, as by V1",
    ),
    yes(
      "`incremental` of the V2 driver in Go",
      "accepted; has no effect there either: a VolumeSnapshotClass states it of its snapshots",
    ),
    yes("an unknown name", "refused with the names that are allowed, as in V1"),
    yes("V1's tags of a disk", "`k8s-azure-created-by` and `kubernetes.io-created-for-*`, as in V1"),
  ];
}

const STATIC_PAGE = "[static volumes](storage-class.md#static-volumes)";

/** Rows of what a PersistentVolume of V1, static or provisioned, carries. */
export const attributeParity: readonly ParityRow[] = [
  yes(
    "`volumeHandle`",
    "the disk's resource id; one of another subscription is refused with both named, and so is its " +
      "deletion: set Retain",
  ),
  yes("`fsType`", `${STATIC_PAGE}; one that can't be read is refused at attach`),
  yes("`cachingMode`", `${STATIC_PAGE}; one that can't be read is refused at attach`),
  yes(
    "`writeAcceleratorEnabled`",
    `${STATIC_PAGE}; also V1's tag \`writeacceleratorenabled\` of the disk. Any other text is no, as in V1`,
  ),
  yes(
    "`partition`",
    `${STATIC_PAGE}; never formatted and never expanded. Empty: the whole disk. Refused where it is no ` +
      "number from 1 to 128, for raw block, and on Windows nodes",
  ),
  yes(
    "`perfProfile`, `device-setting/<path>`",
    "as in a class; the event `DeviceNotTuned` names what is not",
  ),
  yes("`attachDiskInitialDelay`", "accepted, as in a class"),
  yes("`maxShares`", "Azure's own count for the disk is used, which can't contradict it"),
  yes("`requestedsizegib`", "tells a provisioned volume from a static one, as in V1"),
  yes("attributes that shaped the new disk", "have had their effect, as in V1"),
  yes(
    "in-tree `spec.azureDisk`",
    "`diskURI`, `cachingMode`, `fsType`, `readOnly` of kind Managed, by CSI migration",
  ),
  yes(
    "`csi.readOnly`, `mountOptions`, `fsGroup`",
    "mount options are checked against a list of forbidden ones, and have quotes only around an SELinux " +
      "context",
  ),
  refused(
    "`mountOptions: directmount`",
    "V1 then mounts without a look at the disk; here every mount is preceded by the checks of the disk",
  ),
];

const SNAPSHOT_PAGE = "[VolumeSnapshotClass](volume-snapshot-class.md#parameters)";

/** Rows of VolumeSnapshotClass parameters. */
export function snapshotParity(): readonly ParityRow[] {
  return [
    ...snapshotParametersOfV1.map((name) => yes(`\`${name}\``, SNAPSHOT_PAGE)),
    yes(
      "`csi.storage.k8s.io/volumesnapshot/name`, `…/namespace`",
      "[tags of the snapshot](volume-snapshot-class.md#set-by-csi-snapshotter)",
    ),
  ];
}

const ATTRIBUTES_PAGE = "[VolumeAttributesClass](volume-attributes-class.md)";

/** Rows of VolumeAttributesClass parameters. */
export const modificationParity: readonly ParityRow[] = [
  ...mutableParametersOfV1.map((name) => yes(`\`${name}\``, ATTRIBUTES_PAGE)),
  refused(
    "every other parameter of a StorageClass",
    "V1 accepts and ignores it. Here tags and network policy are changed, and the rest is refused by name",
  ),
  yes(
    "progress of a conversion to PremiumV2_LRS, and of a copy",
    "conditions `Converting` and `Copying`, and events `Converting`, `Converted`, `Copying` and `Copied` " +
      "of the claim for V1's `SKUMigrationStarted`, `SKUMigrationProgress` and `SKUMigrationCompleted`",
  ),
  refused(
    "label `disk.csi.azure.com/migration-in-progress`",
    "the condition `Converting` has the same fact, and its progress, in the status of one object",
  ),
  refused("`MIGRATION_TIMEOUTS`, `MAX_MIGRATION_TIMEOUT`", "a conversion is watched until it has ended"),
];
