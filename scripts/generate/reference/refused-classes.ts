/** A class that V1 takes and this driver refuses, for the page and the test that hands it to CreateVolume. */
export interface RefusedClass {
  readonly parameters: Readonly<Record<string, string>>;
  /** It is refused with what is known of the cluster in Azure, not by the parser. */
  readonly isRefusedForCluster?: true;
  /** The parameter that the refusal names. */
  readonly field: string;
  /** What the classes have in common. */
  readonly what: string;
  readonly inV1: string;
  readonly instead: string;
}

/** On the page of StorageClass parameters. */
export const refusedClasses: readonly RefusedClass[] = [
  {
    parameters: { diskName: "data-${pvc.metadata.namespace}-${pvc.metadata.name}" },
    field: "diskName",
    what: "`diskName` without `${pv.metadata.name}`, or with characters such as `_`",
    inV1: "A later claim may get the disk of an earlier one",
    instead: "Add `${pv.metadata.name}`",
  },
  {
    parameters: { subscriptionID: "00000000-0000-0000-0000-000000000002", resourceGroup: "rg" },
    isRefusedForCluster: true,
    field: "subscriptionID",
    what: "`subscriptionID` of another subscription than the cluster's",
    inV1: "The disk is made, and no VM of the cluster can have it",
    instead: "Leave it out",
  },
  {
    parameters: { skuName: "Premium_LRS", storageAccountType: "StandardSSD_LRS" },
    field: "storageAccountType",
    what: "one parameter twice: in two cases, or as `skuName` and `storageAccountType` that differ",
    inV1: "Either counts, by chance",
    instead: "Keep one",
  },
  {
    parameters: { enableBursting: "no" },
    field: "enableBursting",
    what: "`enableBursting` or `writeAcceleratorEnabled` with a text that is neither `true` nor `false`",
    inV1: "Ignored",
    instead: "`false`",
  },
  {
    parameters: { "device-setting/queue/scheduler": "none" },
    field: "device-setting/queue/scheduler",
    what: "`device-setting/<path>` without `perfProfile: advanced`",
    inV1: "Ignored",
    instead: "Leave it out, or add the profile",
  },
  {
    parameters: { perfProfile: "advanced", "device-setting/queue/write_cache": "write through" },
    field: "device-setting/queue/write_cache",
    what: "`device-setting/<path>` that is not in the [list](#device-settings)",
    inV1: "Written on the node",
    instead: "Leave it out",
  },
  {
    parameters: { perfProfile: "advanced", "device-setting/iosched/fifo_batch": "1" },
    field: "device-setting/iosched/fifo_batch",
    what: "`device-setting/iosched/<name>`, as in an example of V1's documents",
    inV1: "NodeStageVolume fails: Linux has these files elsewhere",
    instead: "`device-setting/queue/iosched/<name>`",
  },
  {
    parameters: { perfProfile: "basic", fsType: "ntfs" },
    field: "perfProfile",
    what: "`perfProfile` with `fsType` `ntfs` or `refs`",
    inV1: "Ignored on Windows nodes",
    instead: "Leave it out",
  },
  {
    parameters: { tags: "team=a,Team=b" },
    field: "tags",
    what: "`tags` with one name twice, or with a name that the driver sets itself",
    inV1: "The last value counts, also in place of V1's own",
    instead: "Keep one, and none of the driver's",
  },
  {
    parameters: { cachingMode: "ReadOnly", skuName: "UltraSSD_LRS" },
    field: "cachingMode",
    what: "`cachingMode` of an UltraSSD_LRS or shared disk",
    inV1: "The disk is made, and Azure refuses each attach",
    instead: "`None`",
  },
  {
    parameters: { LogicalSectorSize: "1024", skuName: "PremiumV2_LRS" },
    field: "LogicalSectorSize",
    what: "numbers, sizes and keys that Azure has no disk for ([limits](#limits-by-sku))",
    inV1: "Azure refuses the disk, again and again",
    instead: "A value of the tables above",
  },
];
