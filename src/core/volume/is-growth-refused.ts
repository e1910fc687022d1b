import type { AzVolume } from "../api/az-volume.ts";

/**
 * Whether the size that a volume requests was refused for good. Only a repeated call asks for it again;
 * another size, or the same of another SKU, is another request.
 */
export function isGrowthRefused({ spec, status }: AzVolume): boolean {
  if (status?.state !== "UpdateFailed") return false;
  const { refusedGrowth: refused, detail } = status;
  return refused?.sizeGiB === spec.disk.sizeGiB && refused.skuName === detail?.skuName;
}
