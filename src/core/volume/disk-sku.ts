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

/** One of Azure's disk SKUs. */
export type DiskSku = (typeof diskSkus)[number];

/** Host caching modes in Azure's spelling. */
export const cachingModes = ["None", "ReadOnly", "ReadWrite"] as const;

/** How the host caches a data disk. */
export type CachingMode = (typeof cachingModes)[number];

/** Zone-redundant disks attach in every zone of their region and are created without a zone. */
export function isZoneRedundant(skuName: string): boolean {
  return skuName.toLowerCase().endsWith("_zrs");
}
