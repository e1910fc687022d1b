import type { AzVolume, DiskSpec } from "../api/az-volume.ts";
import { regionName } from "../azure/topology.ts";
import { cachingModes, diskSkus } from "./disk-sku.ts";
import { fileSystemTypes } from "./file-system.ts";
import type { ParameterValue } from "./parameter-value.ts";

/** The field of an AzVolume's `spec` that a parameter becomes. */
export type SpecField = Exclude<keyof AzVolume["spec"], "disk"> | `disk.${keyof DiskSpec}`;

/** How the value of a StorageClass parameter is read, and the field that it becomes. */
export type VolumeParameter = ParameterValue & { readonly field: SpecField };

/** Azure lets at most 15 VMs share a disk, of any SKU. */
const SHARES_MAX = 15;

/**
 * The StorageClass parameters that this version supports, in the spelling of the documentation. The
 * parser, the spec, the comparison of a repeated CreateVolume and docs/reference/storage-class.md read
 * the same rows. A row without `default` leaves the choice to `resolve-volume-spec.ts`, or to the
 * cluster's settings. Another parameter of the disk is one row here and its field in
 * `az-volume.schema.ts`; with the name of a field of `ArmDiskSpec` it goes to Azure as it is.
 */
export const volumeParameterTable = {
  skuName: { kind: "choice", choices: diskSkus, default: "StandardSSD_LRS", field: "disk.skuName" },
  storageAccountType: { kind: "choice", choices: diskSkus, field: "disk.skuName" },
  maxShares: { kind: "count", min: 1, max: SHARES_MAX, default: 1, field: "disk.maxShares" },
  maxMountReplicaCount: { kind: "count", min: 0, max: SHARES_MAX - 1, field: "maxMountReplicaCount" },
  cachingMode: { kind: "choice", choices: cachingModes, field: "cachingMode" },
  fsType: { kind: "choice", choices: fileSystemTypes, anyCase: true, field: "fsType" },
  tags: { kind: "text", field: "disk.tags" },
  tagValueDelimiter: { kind: "text", default: ",", field: "disk.tags" },
  resourceGroup: {
    kind: "pattern",
    pattern: /^[-\p{L}\p{N}_.()]{0,89}[-\p{L}\p{N}_()]$/u,
    rule: "must have 1 to 90 letters, digits or any of _ - . ( ) and not end in a period",
    field: "disk.resourceGroup",
  },
  location: {
    kind: "pattern",
    pattern: /^[a-z0-9]+$/u,
    rule: "must be an Azure region such as eastus",
    normalize: regionName,
    field: "disk.location",
  },
} as const satisfies Readonly<Record<string, VolumeParameter>>;

/** The name of a supported parameter. */
export type VolumeParameterName = keyof typeof volumeParameterTable;
