import type { AzVolume } from "../api/az-volume.ts";

/**
 * Whether the size that a volume requests was refused for good. Only a repeated call asks for it again;
 * another size, or the same of another SKU, is another request. An earlier version of the driver recorded
 * the generation alone, which other changes of the spec raise too.
 */
export function isGrowthRefused({ metadata, spec, status }: AzVolume): boolean {
  if (status?.state !== "UpdateFailed") return false;
  const { refusedGrowth: refused, detail, observedGeneration } = status;
  return refused === undefined
    ? observedGeneration === metadata.generation
    : refused.sizeGiB === spec.disk.sizeGiB && refused.skuName === detail?.skuName;
}
