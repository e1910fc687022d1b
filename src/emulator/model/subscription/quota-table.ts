import type { DiskSkuName } from "../disk/disk-sku.ts";

/** What a subscription may have in a region. */
interface Quota {
  readonly localizedName: string;
  /** Published, or recorded in lists of usages. */
  readonly limit: number;
}

/** By the name in Azure's list of usages. */
export const QUOTAS = {
  availabilitySets: { localizedName: "Availability Sets", limit: 2500 },
  cores: { localizedName: "Total Regional vCPUs", limit: 350 },
  virtualMachines: { localizedName: "Virtual Machines", limit: 25_000 },
  virtualMachineScaleSets: { localizedName: "Virtual Machine Scale Sets", limit: 2500 },
  StandardDiskCount: { localizedName: "Standard Storage Managed Disks", limit: 50_000 },
  StandardSSDDiskCount: { localizedName: "StandardSSDStorageDisks", limit: 50_000 },
  StandardSSDZRSDiskCount: { localizedName: "StandardSSDZRSStorageDisks", limit: 50_000 },
  PremiumDiskCount: { localizedName: "Premium Storage Managed Disks", limit: 50_000 },
  PremiumZRSDiskCount: { localizedName: "PremiumZRSStorageDisks", limit: 50_000 },
  PremiumV2DiskCount: { localizedName: "PremiumV2StorageDisks", limit: 1000 },
  UltraSSDDiskCount: { localizedName: "UltraSSDStorageDisks", limit: 1000 },
  StandardSnapshotCount: { localizedName: "StandardStorageSnapshots", limit: 75_000 },
  PremiumSnapshotCount: { localizedName: "PremiumStorageSnapshots", limit: 75_000 },
  ZRSSnapshotCount: { localizedName: "ZrsStorageSnapshots", limit: 75_000 },
} as const satisfies Readonly<Record<string, Quota>>;

/** Name of a quota in Azure's list of usages. */
export type QuotaName = keyof typeof QUOTAS;

const DISK_QUOTAS: Readonly<Record<DiskSkuName, QuotaName>> = {
  Standard_LRS: "StandardDiskCount",
  StandardSSD_LRS: "StandardSSDDiskCount",
  StandardSSD_ZRS: "StandardSSDZRSDiskCount",
  Premium_LRS: "PremiumDiskCount",
  Premium_ZRS: "PremiumZRSDiskCount",
  PremiumV2_LRS: "PremiumV2DiskCount",
  UltraSSD_LRS: "UltraSSDDiskCount",
};

export function diskQuota(sku: DiskSkuName): QuotaName {
  return DISK_QUOTAS[sku];
}

export function snapshotQuota(skuName: string): QuotaName {
  if (skuName.endsWith("_ZRS")) return "ZRSSnapshotCount";
  return skuName.startsWith("Premium") ? "PremiumSnapshotCount" : "StandardSnapshotCount";
}
