import type {
  compatibilityParameterNames,
  VolumeParameterName,
} from "../../../src/core/volume/parameters/volume-parameter-table.ts";
import type { ParameterNotes } from "./parameter-rows.ts";

/** The parameters that V1 lacks, or that have a further meaning here. */
export const ownParameters: readonly VolumeParameterName[] = ["maxShares", "maxMountReplicaCount"];

/** A parameter without notes does not compile. */
export const parameterNotes: Readonly<Record<VolumeParameterName, ParameterNotes>> = {
  maxShares: {
    meaning:
      "How many VMs may have the disk attached at once. 2 or more makes replicas possible; the limit by " +
      "SKU " +
      "and size is below. A shared disk has no host cache",
    absent: "The disk is not shared and has no replica",
    example: "3",
    inV1: "`maxShares`: the same disk, without replicas",
  },
  maxMountReplicaCount: {
    meaning:
      "How many replicas the driver keeps: nodes that have the disk attached and not mounted. At most " +
      "`maxShares` - 1. Where a claim with ReadWriteMany or ReadOnlyMany has pods on several nodes, each " +
      "of these has a share, and replicas take what is left",
    absent: "`maxShares` - 1; 0 for a claim with ReadWriteMany or ReadOnlyMany",
    example: "1",
    inV1: "Unknown: V1 refuses the StorageClass",
  },
  skuName: {
    meaning: "Disk SKU, in Azure's spelling",
    absent: "`StandardSSD_LRS`",
    example: "Premium_ZRS",
    inV1: "The same",
  },
  storageAccountType: {
    meaning: "Another name of `skuName`. Both may be given if they agree",
    absent: "`skuName` decides",
    example: "Premium_LRS",
    inV1: "The same alias, of V1 and of the in-tree driver",
  },
  cachingMode: {
    meaning:
      "Host cache of the disk. It must be `None` for a shared disk, PremiumV2_LRS and UltraSSD_LRS. A disk " +
      "above 4095 GiB has none, whatever is stated",
    absent: "`ReadOnly` where Azure caches the disk, else `None`",
    example: "None",
    inV1: "The same values and default; V1 leaves a wrong mode of UltraSSD_LRS to Azure's refusal",
  },
  fsType: {
    meaning:
      "File system of a volume with `volumeMode: Filesystem`, in any case. `ntfs` and `refs` are for pods " +
      "on Windows nodes and need `maxShares` 1",
    absent: "`csi.storage.k8s.io/fstype` of the class, else `ext4`; on a Windows node `ntfs`",
    example: "xfs",
    inV1: "The same; `ntfs` on Windows, also where another one is stated. Checked on the node only",
  },
  blockSize: {
    meaning: "Bytes of a block of a new ext4, ext3, ext2 or xfs: see [File system](#file-system)",
    absent: "The choice of mkfs: `4096`",
    example: "1024",
    inV1: "Unknown: V1 refuses the StorageClass",
  },
  inodeSize: {
    meaning: "Bytes of an inode of a new ext4, ext3, ext2 or xfs: see [File system](#file-system)",
    absent: "The choice of mkfs: `256`, `512` for xfs",
    example: "512",
    inV1: "Unknown: V1 refuses the StorageClass",
  },
  bytesPerInode: {
    meaning:
      "A new ext4, ext3 or ext2 has one inode for so many bytes. Fewer bytes make room for more files: see " +
      "[File system](#file-system)",
    absent: "The choice of mkfs: `16384`, `32768` from 4 TiB, `65536` from 16 TiB",
    example: "4096",
    inV1: "Unknown: V1 refuses the StorageClass",
  },
  tags: {
    meaning:
      "Tags of the disk, as `name=value` pairs. Values may contain `${pvc.metadata.name}`, " +
      "`${pvc.metadata.namespace}` and `${pv.metadata.name}`. Azure takes 50 tags, up to 16 of them the " +
      "driver's own",
    absent: "Only the driver's own tags",
    example: "team=storage,claim=${pvc.metadata.namespace}/${pvc.metadata.name}",
    inV1: "The same; a template without a value becomes empty there, and is refused here",
  },
  tagValueDelimiter: {
    meaning: "Separates the pairs of `tags`, for values that contain commas",
    absent: "`,`",
    example: ";",
    inV1: "The same",
  },
  resourceGroup: {
    meaning: "Resource group of the disk, in the cluster's subscription",
    absent: "The cluster's: setting `--resource-group`, else `azure.json`",
    example: "rg-disks",
    inV1: "The same; V1 leaves the check to Azure",
  },
  location: {
    meaning:
      "Region of the disk. `East US` means `eastus`. A topology of the claim has to lie in it, or a node " +
      "where it names no zone",
    absent: "The region of the chosen zone, else the cluster's",
    example: "eastus",
    inV1: "The same; V1 leaves the check to Azure",
  },
  diskName: {
    meaning:
      "Name of the disk, with the templates of `tags`. A name above 80 characters is shortened and gets a " +
      "hash. It needs the PersistentVolume's name: a later claim would have the name of an earlier one's " +
      "disk, and a repeated deletion of the earlier volume would delete it",
    absent: "The volume's name",
    example: "data-${pvc.metadata.namespace}-${pv.metadata.name}",
    inV1: "Any name; V1 shortens without a hash, and takes another volume's disk of that name",
  },
  DiskIOPSReadWrite: {
    meaning: "IOPS of the disk: UltraSSD_LRS and PremiumV2_LRS, in the range below",
    absent:
      "UltraSSD_LRS without throughput: 1 for each GiB, from 500 to 160000. With throughput: 500, or as " +
      "near as goes with it and the size. Other SKUs: Azure's default",
    example: "4000",
    inV1: "The same; V1 leaves the range to Azure, and so fails where its default is out of it",
  },
  DiskMBpsReadWrite: {
    meaning: "Throughput of the disk in MB/s: UltraSSD_LRS and PremiumV2_LRS, in the range below",
    absent:
      "UltraSSD_LRS: 100, or as near as goes with the IOPS: at least 1 for 256 of them, at most 1 for 4, " +
      "and 4000. Other SKUs: Azure's default",
    example: "200",
    inV1: "The same; V1 leaves the range to Azure, and so fails where its default is out of it",
  },
  LogicalSectorSize: {
    meaning:
      "Size of a sector in bytes: UltraSSD_LRS and PremiumV2_LRS. 512 for a copy of what has such sectors",
    absent: "Azure's default: `4096`",
    example: "512",
    inV1: "The same; V1 takes every number",
  },
  enableBursting: {
    meaning:
      "On-demand bursting: Premium_LRS and Premium_ZRS of 513 GiB and more that are not shared. Azure " +
      "bills each burst",
    absent: "`false`. Disks up to 512 GiB burst on credits in any case",
    example: "true",
    inV1: "The same; V1 ignores values other than `true`",
  },
  enablePerformancePlus: {
    meaning: "More IOPS and throughput for the size. A disk below 513 GiB is made with 513 GiB",
    absent: "`false`",
    example: "true",
    inV1: "The same; V1 leaves the SKU to Azure",
  },
  optimizedForFrequentAttach: {
    meaning:
      "For disks that move between VMs more than five times a day. Azure then does not place the disk in " +
      "the fault domain of its VM",
    absent: "Azure's default: `false`",
    example: "true",
    inV1: "Unknown: V1 refuses the StorageClass",
  },
  networkAccessPolicy: {
    meaning:
      "Who may export the disk's bytes over the network, past the VMs that have it. `AllowPrivate` needs " +
      "`diskAccessID`",
    absent: "`DenyAll`, which Azure's own default is not",
    example: "AllowAll",
    inV1: "The same",
  },
  publicNetworkAccess: {
    meaning: "Whether an export is possible from public networks",
    absent: "`Disabled`, which Azure's own default is not",
    example: "Enabled",
    inV1: "The same",
  },
  diskAccessID: {
    meaning:
      "The DiskAccess through whose private endpoints the disk is exported. Needs `AllowPrivate`; without " +
      "any `networkAccessPolicy` it has no effect, and the disk is closed",
    absent: "None",
    example:
      "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Compute/" +
      "diskAccesses/access",
    inV1: "The same; V1 answers INTERNAL to a contradiction",
  },
  writeAcceleratorEnabled: {
    meaning:
      "Write accelerator: unshared Premium_LRS and Premium_ZRS disks with `cachingMode` None or ReadOnly, " +
      "on VMs of the M series. The disk's tag `writeacceleratorenabled` keeps it, as with V1",
    absent: "`false`",
    example: "true",
    inV1: "The same; V1 leaves SKU, cache and shares to Azure, and ignores values other than `true`",
  },
  subscriptionID: {
    meaning:
      "Subscription of the disk. It must be the cluster's: Azure attaches a disk only to VMs of the disk's " +
      "own subscription",
    absent: "The cluster's",
    example: "00000000-0000-0000-0000-000000000001",
    inV1: "Also others, whose disks no VM of the cluster can have",
  },
  diskEncryptionSetID: {
    meaning:
      "The disk encryption set with the customer's key. An attach never changes a disk's key: V1 gives a " +
      "disk without a set that of the VM's OS disk",
    absent: "A key that Azure holds",
    example:
      "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Compute/" +
      "diskEncryptionSets/keys",
    inV1: "The same, without the inheritance at attach",
  },
  diskEncryptionType: {
    meaning:
      "Encryption with the set's key, alone or on top of Azure's. Needs `diskEncryptionSetID`. " +
      "UltraSSD_LRS and PremiumV2_LRS take the set's key alone",
    absent: "`EncryptionAtRestWithCustomerKey`, with a set",
    example: "EncryptionAtRestWithPlatformAndCustomerKeys",
    inV1: "The same; V1 answers INTERNAL where the set is missing, and leaves the SKU to Azure",
  },
  userAgent: userAgentNotes("disk"),
  perfProfile: {
    meaning:
      "Settings of the disk's queue while it is staged on a node, in any case: see [Device settings]" +
      "(#device-settings). Not for `ntfs` and `refs`",
    absent: "`none`: the kernel's",
    example: "basic",
    inV1: "The same; V1 fails NodeStageVolume where a setting can't be written",
  },
};

/** What the page says of a parameter that is accepted without effect. */
export const compatibilityNotes: Readonly<Record<(typeof compatibilityParameterNames)[number], string>> = {
  kind: "In-tree driver and V1. The volume context always says `Managed`",
  zoned: "In-tree driver",
  enableAsyncAttach: "Older releases of V1",
  attachDiskInitialDelay:
    "V1, which delays all attaches of the cluster by it, so that they share updates of their VMs. Here " +
    "attaches that arrive during an update share the next one, without a delay",
  incremental:
    "The V2 driver in Go, also without effect. " +
    "[VolumeSnapshotClasses](volume-snapshot-class.md#parameters) state it of their snapshots",
};

/** What the pages of disks and of snapshots say of the same parameter. */
export function userAgentNotes(made: "disk" | "snapshot"): ParameterNotes {
  return {
    meaning:
      `Text before the driver's own in the header User-Agent of the call that makes the ${made}, such as ` +
      "`pid-<GUID>` for Azure's [customer usage attribution]" +
      "(https://learn.microsoft.com/azure/marketplace/azure-partner-customer-usage-attribution)",
    absent: "nothing",
    example: "pid-9d1c3a52-6b0e-4f3c-8c5e-0d6f0c8f7a11",
    inV1: "The whole header of that call, by a client made for each call",
  };
}
