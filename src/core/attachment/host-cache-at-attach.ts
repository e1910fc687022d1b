import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { AzVolume } from "../api/az-volume.ts";
import { possibleSizes } from "../volume/device/shown-size.ts";
import { type CachingMode, diskSkus } from "../volume/disk-sku.ts";
import { cachingModeAtAttach } from "../volume/parameters/resolve-volume-spec.ts";
import { statedHostCache } from "../volume/parameters/volume-attributes.ts";
import { skuRules } from "../volume/sku-rules.ts";

/**
 * How the host caches the disk: as the PersistentVolume says that is published, which may be a later one of
 * the disk, else as the volume's spec does; where SKU, size and shares allow it. A volume may have been given
 * another SKU.
 */
export function hostCacheAtAttach(
  { spec, status }: AzVolume,
  { spec: { volumeContext } }: AzVolumeAttachment,
): { readonly cachingMode: CachingMode; readonly writeAccelerator: boolean } {
  const { detail } = status ?? {};
  const skuName = diskSkus.find((sku) => sku === detail?.skuName);
  if (detail === undefined || skuName === undefined) return { cachingMode: "None", writeAccelerator: false };
  const stated = statedHostCache(volumeContext);
  const { maxShares } = detail;
  // Azure refuses a cache for a large disk, and takes none for any.
  const sizeGiB = Math.max(...possibleSizes(detail));
  const requestedMode = stated.cachingMode ?? spec.cachingMode;
  const cachingMode = cachingModeAtAttach({ skuName, sizeGiB, maxShares, cachingMode: requestedMode });
  const isAccelerated = stated.isAccelerated ?? spec.writeAcceleratorEnabled;
  const writeAccelerator = isAccelerated === true && skuRules[skuName].isAccelerated === true;
  if (!writeAccelerator || cachingMode !== "ReadWrite") return { cachingMode, writeAccelerator };
  // Azure takes write accelerator with no cache for writes: of the two, what is stated here prevails.
  return stated.cachingMode === "ReadWrite" && stated.isAccelerated === undefined
    ? { cachingMode, writeAccelerator: false }
    : { cachingMode: "ReadOnly", writeAccelerator };
}
