export type DiskSkuName =
  | "Standard_LRS"
  | "StandardSSD_LRS"
  | "StandardSSD_ZRS"
  | "Premium_LRS"
  | "Premium_ZRS"
  | "PremiumV2_LRS"
  | "UltraSSD_LRS";

export type DiskFamily = "StandardHdd" | "StandardSsd" | "Premium" | "PremiumV2" | "Ultra";

export interface DiskSku {
  readonly name: DiskSkuName;
  readonly family: DiskFamily;
  /** `sku.tier` of the resource. */
  readonly tier: "Standard" | "Premium" | "Ultra";
  readonly zoneRedundant: boolean;
  readonly sizeMinGiB: number;
  readonly sizeMaxGiB: number;
}

const SKUS: readonly DiskSku[] = [
  diskSku("Standard_LRS", "StandardHdd", "Standard", 1, 32_767),
  diskSku("StandardSSD_LRS", "StandardSsd", "Standard", 1, 32_767),
  diskSku("StandardSSD_ZRS", "StandardSsd", "Standard", 1, 32_767),
  diskSku("Premium_LRS", "Premium", "Premium", 1, 32_767),
  diskSku("Premium_ZRS", "Premium", "Premium", 1, 32_767),
  diskSku("PremiumV2_LRS", "PremiumV2", "Premium", 1, 65_536),
  diskSku("UltraSSD_LRS", "Ultra", "Ultra", 4, 65_536),
];

function diskSku(
  name: DiskSkuName,
  family: DiskFamily,
  tier: DiskSku["tier"],
  sizeMinGiB: number,
  sizeMaxGiB: number,
): DiskSku {
  return { name, family, tier, zoneRedundant: name.endsWith("_ZRS"), sizeMinGiB, sizeMaxGiB };
}

export const DISK_SKU_NAMES: readonly DiskSkuName[] = SKUS.map((sku) => sku.name);

/** The SKU of that name, whatever its case. */
export function findDiskSku(name: string): DiskSku | undefined {
  return SKUS.find((sku) => sku.name.toLowerCase() === name.toLowerCase());
}

/** Whether the family's IOPS and throughput are set independently of its size. */
export function hasSettablePerformance(family: DiskFamily): boolean {
  return family === "PremiumV2" || family === "Ultra";
}
