import { diskSharesMax } from "../../../src/core/volume/check-disk.ts";
import { type DiskSku, diskSkus, isZoneRedundant } from "../../../src/core/volume/disk-sku.ts";
import { cachingModeAtAttach } from "../../../src/core/volume/parameters/resolve-volume-spec.ts";
import { iopsRange, type SkuRules, skuRules } from "../../../src/core/volume/sku-rules.ts";

/** The rows of the table of SKUs, asked of the functions that CreateVolume uses. */
export function skuRows(): readonly string[] {
  return diskSkus.map((skuName) => {
    const { sizeMinGiB: min, sizeMaxGiB: max } = skuRules[skuName];
    const shares = ranges(skuName, (sizeGiB) => String(diskSharesMax({ skuName, sizeGiB })));
    const cached = ranges(skuName, (sizeGiB) => cacheOf(skuName, sizeGiB));
    const zones = isZoneRedundant(skuName) ? "every zone of the region" : "one zone, or the region";
    return `| \`${skuName}\` | ${min} to ${max} | ${shares} | ${cached} | ${zones} |`;
  });
}

/** The rows of the table of performance by SKU. */
export function performanceRows(): readonly string[] {
  return diskSkus.map((skuName) => {
    const { burstingMinGiB, performancePlusMinGiB, performance } = skuRules[skuName];
    const from = (gib: number | undefined): string => (gib === undefined ? "no" : `from ${gib} GiB`);
    const sectors = performance === undefined ? "no" : "`512`, `4096`";
    const [bursting, plus] = [from(burstingMinGiB), from(performancePlusMinGiB)];
    return `| \`${skuName}\` | ${flexible(performance)} | ${sectors} | ${bursting} | ${plus} |`;
  });
}

function flexible(rules: SkuRules["performance"]): string {
  if (rules === undefined) return "no | no";
  const { iopsPerGiB, iopsMinPerGiB, iopsMin, iopsPerMbps, mbpsMin, mbpsPerIops, mbpsMax } = rules;
  const perGiB = iopsMinPerGiB === 0 ? "" : `, and ${iopsMinPerGiB} for each GiB,`;
  const iops = `${iopsMin}${perGiB} to ${iopsPerGiB} for each GiB, at most ${iopsRange(rules, Infinity).max}`;
  const perIops = Number.isFinite(iopsPerMbps) ? `, and 1 for ${iopsPerMbps} of the IOPS,` : "";
  return `${iops} | ${mbpsMin}${perIops} to ${mbpsPerIops} for each of the IOPS, at most ${mbpsMax}`;
}

function cacheOf(skuName: DiskSku, sizeGiB: number): string {
  return cachingModeAtAttach({ skuName, sizeGiB, maxShares: 1, cachingMode: undefined });
}

/** A value by size, such as `3 up to 512 GiB, 5 up to 4096 GiB, 10 above`. */
function ranges(skuName: DiskSku, valueOf: (sizeGiB: number) => string): string {
  const { sizeMinGiB, sizeMaxGiB } = skuRules[skuName];
  const found: { readonly value: string; readonly toGiB: number }[] = [];
  for (let sizeGiB = sizeMinGiB; sizeGiB <= sizeMaxGiB; sizeGiB += 1) {
    const value = valueOf(sizeGiB);
    if (found.at(-1)?.value === value) found.pop();
    found.push({ value, toGiB: sizeGiB });
  }
  const last = found.pop();
  const before = found.map(({ value, toGiB }) => `${value} up to ${toGiB} GiB, `).join("");
  return `${before}${last?.value ?? "none"}${before === "" ? "" : " above"}`;
}
