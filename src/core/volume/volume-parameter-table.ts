import { cachingModes, diskSkus } from "./disk-sku.ts";
import { fileSystemTypes } from "./file-system.ts";

/** How the value of a StorageClass parameter is read. */
export type VolumeParameter =
  /** One of `choices`. */
  | { readonly kind: "choice"; readonly choices: readonly string[]; readonly default?: string }
  /** A whole number from `min` to `max`, both included. */
  | { readonly kind: "count"; readonly min: number; readonly max: number; readonly default?: number }
  /** A text that `pattern` matches; `rule` states it, after the field and the value. */
  | { readonly kind: "pattern"; readonly pattern: RegExp; readonly rule: string }
  /** A text; `volume-tags.ts` checks its form. */
  | { readonly kind: "text"; readonly default?: string };

/** Azure lets at most 15 VMs share a disk, of any SKU. */
const SHARES_MAX = 15;

/**
 * The StorageClass parameters that this version supports, in the spelling of the documentation. The
 * parser and docs/reference/storage-class.md read the same rows. A row without `default` leaves the choice
 * to `resolve-volume-spec.ts`, or to the cluster's settings.
 */
export const volumeParameterTable = {
  skuName: { kind: "choice", choices: diskSkus, default: "StandardSSD_LRS" },
  storageAccountType: { kind: "choice", choices: diskSkus },
  maxShares: { kind: "count", min: 1, max: SHARES_MAX, default: 1 },
  maxMountReplicaCount: { kind: "count", min: 0, max: SHARES_MAX - 1 },
  cachingMode: { kind: "choice", choices: cachingModes },
  fsType: { kind: "choice", choices: fileSystemTypes },
  tags: { kind: "text" },
  tagValueDelimiter: { kind: "text", default: "," },
  resourceGroup: {
    kind: "pattern",
    pattern: /^[-\p{L}\p{N}_.()]{0,89}[-\p{L}\p{N}_()]$/u,
    rule: "must have 1 to 90 letters, digits or any of _ - . ( ) and not end in a period",
  },
  location: { kind: "pattern", pattern: /^[a-z0-9]+$/u, rule: "must be an Azure region such as eastus" },
} as const satisfies Readonly<Record<string, VolumeParameter>>;

/** The name of a supported parameter. */
export type VolumeParameterName = keyof typeof volumeParameterTable;
