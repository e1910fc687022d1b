/** Disk SKUs in the spelling of Azure's DiskStorageAccountTypes. */
export const diskSkus = [
  "Standard_LRS",
  "StandardSSD_LRS",
  "StandardSSD_ZRS",
  "Premium_LRS",
  "Premium_ZRS",
  "UltraSSD_LRS",
  "PremiumV2_LRS",
] as const;

export type DiskSku = (typeof diskSkus)[number];

/** Host caching modes in Azure's spelling. */
export const cachingModes = ["None", "ReadOnly", "ReadWrite"] as const;

export type CachingMode = (typeof cachingModes)[number];

/** The logical sector size of a disk for which none was stated, in bytes. */
export function defaultSectorSizeBytes(skuName: string): number {
  return hasLargeSectors(skuName) ? 4096 : 512;
}

/** Whether disks of a SKU can have sectors of 4 KiB: only such disks can be copies of one that has them. */
export function hasLargeSectors(skuName: string): boolean {
  return skuName === "PremiumV2_LRS" || skuName === "UltraSSD_LRS";
}

/** Zone-redundant disks attach in every zone of their region and are created without a zone. */
export function isZoneRedundant(skuName: string): boolean {
  return skuName.toLowerCase().endsWith("_zrs");
}

/** Whether Azure copies the snapshots of a SKU's disks in the background: incremental ones only. */
export function isSnapshotCopied(skuName: string): boolean {
  return skuName === "PremiumV2_LRS" || skuName === "UltraSSD_LRS";
}

/** Who may export or import a disk's bytes over the network, in Azure's spelling. */
export const networkAccessPolicies = ["AllowAll", "DenyAll", "AllowPrivate"] as const;

/** Whether a disk's bytes are reachable from public networks, in Azure's spelling. */
export const publicNetworkAccesses = ["Enabled", "Disabled"] as const;

/** Encryption with the key of a disk encryption set, alone or on top of Azure's own. */
export const diskEncryptionTypes = [
  "EncryptionAtRestWithCustomerKey",
  "EncryptionAtRestWithPlatformAndCustomerKeys",
] as const;

/** The sizes of a sector, in bytes, that Azure offers where it offers a choice. */
export const sectorSizes = [512, 4096] as const;
