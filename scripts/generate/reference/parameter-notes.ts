import type {
  compatibilityParameterNames,
  laterParameterNames,
  laterParameterPrefix,
} from "../../../src/core/volume/volume-parameter-names.ts";
import type { VolumeParameterName } from "../../../src/core/volume/volume-parameter-table.ts";

/** What the page says of a supported parameter, besides its row in the parser's table. */
export interface ParameterNotes {
  readonly meaning: string;
  readonly absent: string;
  /** One value that the parser accepts. */
  readonly example: string;
  /** The parameter in the V1 driver. */
  readonly inV1: string;
}

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
      "`maxShares` - 1. A claim with ReadWriteMany or ReadOnlyMany has no replica, whatever the value",
    absent: "`maxShares` - 1",
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
      "Host cache of the disk. It must be `None` for a shared disk, a disk above 4095 GiB, " +
      "PremiumV2_LRS and " +
      "UltraSSD_LRS",
    absent: "`ReadOnly` where Azure caches the disk, else `None`",
    example: "None",
    inV1: "The same values and default; V1 leaves a wrong mode of UltraSSD_LRS to Azure's refusal",
  },
  fsType: {
    meaning: "File system of a volume with `volumeMode: Filesystem`, in any case",
    absent: "`csi.storage.k8s.io/fstype` of the class, else `ext4`",
    example: "xfs",
    inV1: "Also `btrfs`, and `ntfs` on Windows; checked on the node only",
  },
  tags: {
    meaning:
      "Tags of the disk, as `name=value` pairs. Values may contain `${pvc.metadata.name}`, " +
      "`${pvc.metadata.namespace}` and `${pv.metadata.name}`. Azure takes 50 tags, the driver's own included",
    absent: "Only the driver's own tags",
    example: "team=storage,claim=${pvc.metadata.namespace}/${pvc.metadata.name}",
    inV1: "The same",
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
    meaning: "Region of the disk. `East US` means `eastus`. A topology of the claim has to lie in it",
    absent: "The region of the chosen zone, else the cluster's",
    example: "eastus",
    inV1: "The same; V1 leaves the check to Azure",
  },
};

/** What the page says of a parameter that is accepted without effect. */
export const compatibilityNotes: Readonly<Record<(typeof compatibilityParameterNames)[number], string>> = {
  kind: "In-tree driver and V1. The volume context always says `Managed`",
  zoned: "In-tree driver",
  enableAsyncAttach: "Older releases of V1",
};

/** A parameter of V1 that is refused. */
export interface RefusedNotes {
  /** What V1 accepts. */
  readonly values: string;
  /** V1's default. */
  readonly inV1: string;
  /** What a disk of this driver has instead. */
  readonly here: string;
}

/** A V1 parameter without notes does not compile. */
export const refusedNotes: Readonly<
  Record<(typeof laterParameterNames)[number] | `${typeof laterParameterPrefix}<path>`, RefusedNotes>
> = {
  networkAccessPolicy: {
    values: "`AllowAll`, `DenyAll`, `AllowPrivate`",
    inV1: "`DenyAll`",
    here: "**`AllowAll`**, Azure's default. An Azure Policy that demands another value refuses the disk",
  },
  publicNetworkAccess: {
    values: "`Enabled`, `Disabled`",
    inV1: "`Disabled`",
    here: "**`Enabled`**, Azure's default",
  },
  diskAccessID: { values: "resource id", inV1: "none", here: "None" },
  subscriptionID: { values: "id", inV1: "the cluster's", here: "The cluster's subscription" },
  diskName: { values: "text with templates", inV1: "the volume's name", here: "The volume's name" },
  DiskIOPSReadWrite: {
    values: "whole number; Ultra and PremiumV2",
    inV1: "Ultra: 1 a GiB, at least 500",
    here: "Azure's default for the SKU and size",
  },
  DiskMBpsReadWrite: {
    values: "whole number; Ultra and PremiumV2",
    inV1: "Ultra: from the IOPS, at least 100",
    here: "Azure's default for the SKU and size",
  },
  LogicalSectorSize: {
    values: "`512`, `4096`; Ultra and PremiumV2",
    inV1: "Azure's, 4096",
    here: "Azure's default, 4096",
  },
  diskEncryptionSetID: { values: "resource id", inV1: "none", here: "Platform-managed key" },
  diskEncryptionType: {
    values: "Azure's encryption types",
    inV1: "customer key, with a set",
    here: "Platform-managed key",
  },
  writeAcceleratorEnabled: { values: "`true`, `false`", inV1: "off", here: "Off" },
  enableBursting: { values: "`true`", inV1: "off", here: "No on-demand bursting" },
  enablePerformancePlus: { values: "`true`, `false`", inV1: "off", here: "Off" },
  perfProfile: {
    values: "`none`, `basic`, `advanced`",
    inV1: "`none`",
    here: "The kernel's device settings",
  },
  "device-setting/<path>": { values: "text", inV1: "none", here: "The kernel's device settings" },
  attachDiskInitialDelay: {
    values: "milliseconds",
    inV1: "none; attaches wait 1000",
    here: "Attaches are not delayed",
  },
  userAgent: { values: "text", inV1: "the driver's", here: "The driver's" },
};
