import type { SnapshotParameterName } from "../../../src/core/volume/parameters/snapshot-parameters.ts";
import { userAgentNotes } from "./parameter-notes.ts";
import type { ParameterNotes } from "./parameter-rows.ts";

/** A parameter without notes does not compile. */
export const snapshotParameterNotes: Readonly<Record<SnapshotParameterName, ParameterNotes>> = {
  incremental: {
    meaning:
      "`false`: a full copy. Azure makes none of PremiumV2_LRS and UltraSSD_LRS disks, and keeps at most " +
      "500 incremental snapshots of a disk. `true` may be in any case",
    absent: "`true`",
    example: "false",
    inV1: "The same; V1 takes every other text for `true`, also `False`, which is refused here",
  },
  resourceGroup: {
    meaning: "Resource group of the snapshot",
    absent: "The disk's",
    example: "rg-backups",
    inV1: "The same",
  },
  subscriptionID: {
    meaning:
      "Subscription of the snapshot. One that is not the disk's needs `resourceGroup` and " +
      '`incremental: "false"`: Azure keeps incremental snapshots in the disk\'s',
    absent: "The disk's",
    example: "00000000-0000-0000-0000-000000000002",
    needs: { resourceGroup: "rg-backups", incremental: "false" },
    inV1: "The same; V1 leaves the check to Azure",
  },
  location: {
    meaning:
      "Region of the snapshot. In another region than the disk's it is a copy, ready once Azure has copied " +
      "it, in minutes to hours. Not with `incremental: false` or `instantAccessDurationMinutes`",
    absent: "The disk's",
    example: "westus",
    inV1: "The same",
  },
  tags: {
    meaning: "Tags of the snapshot, as `name=value` pairs. Azure takes 50, the driver's own included",
    absent: "Only the driver's own tags",
    example: "team=storage,keep=30d",
    inV1: "The same",
  },
  tagValueDelimiter: {
    meaning: "Separates the pairs of `tags`, for values that contain commas",
    absent: "`,`",
    example: ";",
    inV1: "The same",
  },
  dataAccessAuthMode: {
    meaning: "`AzureActiveDirectory`: an export of the snapshot needs a login besides its URL",
    absent: "Azure's default, `None`",
    example: "AzureActiveDirectory",
    inV1: "The same",
  },
  networkAccessPolicy: {
    meaning: "`AllowAll`: the snapshot can be exported by URL. Making disks of it needs no access",
    absent: "`DenyAll`",
    example: "AllowAll",
    inV1: "Azure's default, `AllowAll`. Also `AllowPrivate`, which no disk access resource can be named for",
  },
  publicNetworkAccess: {
    meaning: "`Enabled`: exports are reachable from public networks",
    absent: "`Disabled`",
    example: "Enabled",
    inV1: "Azure's default, `Enabled`",
  },
  fileSystemFreezeSeconds: {
    meaning:
      "Whether the node freezes the file system for the moment of the snapshot, and for how many seconds " +
      "at most: [crash consistency](#crash-consistency). Not with `location`, and not of raw block volumes",
    absent: "It is not frozen",
    example: "30",
    inV1: "Unknown: V1 refuses it",
  },
  instantAccessDurationMinutes: {
    meaning:
      "PremiumV2_LRS and UltraSSD_LRS only: the snapshot is ready at once, and for so many minutes disks " +
      "of its own size and kind can be made while its copy runs",
    absent: "It is ready when its copy has ended",
    example: "120",
    inV1: "The same",
  },
  userAgent: userAgentNotes("snapshot"),
};
