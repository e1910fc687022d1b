import type { AzVolume } from "../api/az-volume.ts";
import { hasFailedForGood } from "./has-failed-for-good.ts";

/**
 * Whether the size that a volume requests was refused for good. Only a repeated call asks for it again;
 * another size, or the same of another SKU, is another request. An earlier version of the driver recorded
 * the generation alone, which other changes of the spec raise too.
 */
export function isGrowthRefused(volume: AzVolume): boolean {
  const { spec, status } = volume;
  if (status?.state !== "UpdateFailed") return false;
  const { refusedGrowth: refused, detail } = status;
  return refused === undefined
    ? hasFailedForGood(volume, "UpdateFailed")
    : refused.sizeGiB === spec.disk.sizeGiB && refused.skuName === detail?.skuName;
}
