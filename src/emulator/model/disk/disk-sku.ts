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
  {
    name: "Standard_LRS",
    family: "StandardHdd",
    tier: "Standard",
    zoneRedundant: false,
    sizeMinGiB: 1,
    sizeMaxGiB: 32_767,
  },
  {
    name: "StandardSSD_LRS",
    family: "StandardSsd",
    tier: "Standard",
    zoneRedundant: false,
    sizeMinGiB: 1,
    sizeMaxGiB: 32_767,
  },
  {
    name: "StandardSSD_ZRS",
    family: "StandardSsd",
    tier: "Standard",
    zoneRedundant: true,
    sizeMinGiB: 1,
    sizeMaxGiB: 32_767,
  },
  {
    name: "Premium_LRS",
    family: "Premium",
    tier: "Premium",
    zoneRedundant: false,
    sizeMinGiB: 1,
    sizeMaxGiB: 32_767,
  },
  {
    name: "Premium_ZRS",
    family: "Premium",
    tier: "Premium",
    zoneRedundant: true,
    sizeMinGiB: 1,
    sizeMaxGiB: 32_767,
  },
  {
    name: "PremiumV2_LRS",
    family: "PremiumV2",
    tier: "Premium",
    zoneRedundant: false,
    sizeMinGiB: 1,
    sizeMaxGiB: 65_536,
  },
  {
    name: "UltraSSD_LRS",
    family: "Ultra",
    tier: "Ultra",
    zoneRedundant: false,
    sizeMinGiB: 4,
    sizeMaxGiB: 65_536,
  },
];

export const DISK_SKU_NAMES: readonly DiskSkuName[] = SKUS.map((sku) => sku.name);

/** The SKU of that name, whatever its case. */
export function findDiskSku(name: string): DiskSku | undefined {
  return SKUS.find((sku) => sku.name.toLowerCase() === name.toLowerCase());
}

/** Whether the family's IOPS and throughput are set independently of its size. */
export function hasSettablePerformance(family: DiskFamily): boolean {
  return family === "PremiumV2" || family === "Ultra";
}
