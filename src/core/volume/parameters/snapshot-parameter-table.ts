import { FREEZE_SECONDS_MAX } from "../../api/attachment-bounds.ts";
import type { ParameterValue } from "./parameter-value.ts";
import { volumeParameterTable } from "./volume-parameter-table.ts";

/**
 * The VolumeSnapshotClass parameters that this version supports, in the spelling of the documentation. The
 * parser and docs/reference/volume-snapshot-class.md read the same rows.
 */
export const snapshotParameterTable = {
  incremental: {
    kind: "choice",
    choices: ["true", "false"],
    // V1 makes an incremental snapshot of every text but `false`. False may mean either, and is refused.
    normalize: (value) => (value.toLowerCase() === "true" ? "true" : value),
  },
  resourceGroup: volumeParameterTable.resourceGroup,
  subscriptionID: volumeParameterTable.subscriptionID,
  location: volumeParameterTable.location,
  tags: { kind: "text" },
  tagValueDelimiter: { kind: "text" },
  dataAccessAuthMode: { kind: "choice", choices: ["None", "AzureActiveDirectory"] },
  networkAccessPolicy: { kind: "choice", choices: ["AllowAll", "DenyAll"] },
  publicNetworkAccess: { kind: "choice", choices: ["Enabled", "Disabled"] },
  fileSystemFreezeSeconds: { kind: "count", min: 5, max: FREEZE_SECONDS_MAX },
  instantAccessDurationMinutes: { kind: "count", min: 60, max: 300 },
  userAgent: volumeParameterTable.userAgent,
} as const satisfies Readonly<Record<string, ParameterValue>>;

export type SnapshotParameterName = keyof typeof snapshotParameterTable;

/**
 * What csi-snapshotter adds with `--extra-create-metadata`, and the tag of the snapshot that it becomes.
 * Azure has no use for the name of the VolumeSnapshotContent: it is in `status`.
 */
export const snapshotMetadataTags: Readonly<Record<string, string | undefined>> = {
  "csi.storage.k8s.io/volumesnapshot/name": "kubernetes.io-created-for-snapshot-name",
  "csi.storage.k8s.io/volumesnapshot/namespace": "kubernetes.io-created-for-snapshot-namespace",
  "csi.storage.k8s.io/volumesnapshotcontent/name": undefined,
};
