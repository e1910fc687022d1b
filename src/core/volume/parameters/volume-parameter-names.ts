import { volumeParameterTable, type VolumeParameterName } from "./volume-parameter-table.ts";

/** StorageClass parameters that this version supports, in the spelling of the documentation. */
export const volumeParameterNames = Object.keys(volumeParameterTable) as readonly VolumeParameterName[];

/** What external-provisioner adds with `--extra-create-metadata`; recorded as tags on the disk. */
export const metadataParameterNames = [
  "csi.storage.k8s.io/pv/name",
  "csi.storage.k8s.io/pvc/name",
  "csi.storage.k8s.io/pvc/namespace",
] as const;

export type MetadataParameterName = (typeof metadataParameterNames)[number];

/**
 * Accepted without effect, so that StorageClasses of the in-tree driver and of V1 keep working: what they
 * ask for is so in any case, or has no effect in V1 either.
 */
export const compatibilityParameterNames = [
  "kind",
  "zoned",
  "enableAsyncAttach",
  "attachDiskInitialDelay",
] as const;
