import { gibToBytes } from "../../../src/core/primitives/units.ts";
import { chooseDiskSize, diskSizeMaxGib, diskSizeMinGib } from "../../../src/core/volume/capacity.ts";
import { type DiskSku, diskSkus, isZoneRedundant } from "../../../src/core/volume/disk-sku.ts";
import { chooseCachingMode, diskSharesMax } from "../../../src/core/volume/resolve-volume-spec.ts";

/** The rows of the table of SKUs, asked of the functions that CreateVolume uses. */
export function skuRows(): readonly string[] {
  return diskSkus.map((skuName) => {
    const [min, max] = [diskSizeMinGib(skuName), diskSizeMaxGib(skuName)];
    const shares = ranges(skuName, (sizeGiB) => String(diskSharesMax({ skuName, sizeGiB })));
    const cached = ranges(skuName, (sizeGiB) => cacheOf(skuName, sizeGiB));
    const zones = isZoneRedundant(skuName) ? "every zone of the region" : "one zone, or the region";
    return `| \`${skuName}\` | ${min} to ${max} | ${shares} | ${cached} | ${zones} |`;
  });
}

function cacheOf(skuName: DiskSku, sizeGiB: number): string {
  const mode = chooseCachingMode({ skuName, sizeGiB, maxShares: 1, cachingMode: undefined });
  return mode.ok ? mode.value : "refused";
}

/** A value by size, such as `3 up to 512 GiB, 5 up to 4096 GiB, 10 above`. */
function ranges(skuName: DiskSku, valueOf: (sizeGiB: number) => string): string {
  const found: { readonly value: string; readonly toGiB: number }[] = [];
  for (let sizeGiB = diskSizeMinGib(skuName); hasSize(skuName, sizeGiB); sizeGiB += 1) {
    const value = valueOf(sizeGiB);
    if (found.at(-1)?.value === value) found.pop();
    found.push({ value, toGiB: sizeGiB });
  }
  const last = found.pop();
  const before = found.map(({ value, toGiB }) => `${value} up to ${toGiB} GiB, `).join("");
  return `${before}${last?.value ?? "none"}${before === "" ? "" : " above"}`;
}

function hasSize(skuName: DiskSku, sizeGiB: number): boolean {
  return chooseDiskSize({ requiredBytes: gibToBytes(sizeGiB), limitBytes: 0n }, skuName).ok;
}
