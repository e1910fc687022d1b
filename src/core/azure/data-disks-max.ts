/** Assumed for an unknown size or size name: most sizes take at least as many. */
export const DATA_DISKS_MAX_UNKNOWN = 16;

/** Data disks by VM size, without `Standard_` and in lower case, grouped by how many they take. */
const sizesByDataDisksMax: Readonly<Record<number, string>> = {
  2: "b1s b1ms",
  4:
    "b2s b2ms b2s_v2 ds1_v2 d2s_v3 d2_v3 d2s_v4 d2s_v5 d2ds_v5 d2as_v5 d2ads_v5 d2ps_v5 e2s_v3 e2s_v5 " +
    "e2ds_v5 e2as_v5 e2bs_v5 f2s_v2 d2as_v6 d2ads_v6 f2as_v6",
  8:
    "b4ms b4as_v2 b4s_v2 ds2_v2 d4s_v3 d4s_v4 d4s_v5 d4ds_v5 d4as_v5 d4ads_v5 e4s_v3 e4s_v5 e4ds_v5 " +
    "e4as_v5 f4s_v2 d2s_v6 d2ds_v6 d2ps_v6 d4as_v6 e2s_v6 m8ms nc24ads_a100_v4 nc40ads_h100_v5",
  10: "d2s_v7",
  12: "nc6s_v3 d4s_v6 d4ds_v6 e4s_v6 d4s_v7",
  16:
    "ds3_v2 d8s_v3 d8s_v4 d8s_v5 d8ds_v5 d8as_v5 d8ads_v5 e8s_v3 e8s_v5 e8bs_v5 f8s_v2 f8as_v6 l8s_v3 " +
    "nd96isr_h100_v5",
  24: "d8s_v6 d8ds_v6 l8s_v4",
  32:
    "ds4_v2 d16s_v3 d32s_v3 d48s_v3 d64s_v3 d16s_v5 d32s_v5 d48s_v5 d64s_v5 d96s_v5 d96ads_v6 e16s_v5 " +
    "e32s_v5 e48s_v5 e64s_v5 e96s_v5 e64bs_v5 e96bs_v5 f16s_v2 f32s_v2 f48s_v2 f64s_v2 f72s_v2 f64as_v6 " +
    "l16s_v3 l32s_v3 l48s_v3 l64s_v3 l80s_v3 m32ts nv36ads_a10_v5 hb120rs_v3",
  48: "d16s_v6 d16ps_v6 e16s_v6",
  64: "ds5_v2 d32s_v6 d48s_v6 d64s_v6 d96s_v6 e64s_v6 e96s_v6 e104is_v5 e112ibs_v5 l96s_v4 m64s m128s",
};

const dataDisksMaxBySize = new Map(
  Object.entries(sizesByDataDisksMax).flatMap(([max, sizes]) =>
    sizes.split(" ").map((size) => [size, Number(max)] as const),
  ),
);

/** How many data disks a VM of that size takes; undefined for a size that is not in the table. */
export function knownDataDisksMax(vmSize: string): number | undefined {
  return dataDisksMaxBySize.get(shortName(vmSize));
}

/**
 * How many data disks to assume for a VM of that size: rather too few, since a pod that is sent to a full
 * VM does not start.
 */
export function dataDisksMaxOf(vmSize: string): number {
  return knownDataDisksMax(vmSize) ?? dataDisksByName(vmSize) ?? DATA_DISKS_MAX_UNKNOWN;
}

/** Families whose sizes follow a rule, and from which version on. */
const RULED_FAMILIES: Readonly<Record<string, number>> = {
  d: 3,
  e: 3,
  dc: 3,
  ec: 3,
  fx: 2,
  f: 2,
  b: 2,
  l: 2,
};
/** Families with more disks from version 6 on, except AMD's (`a`). */
const LARGER_FROM_6: readonly string[] = ["d", "e"];

/**
 * The parts of a size's name, such as `Standard_E8-2bds_v5`: family, vCPUs of the whole size, features,
 * version. Most sizes take two disks a vCPU, and 32 at most.
 */
function dataDisksByName(vmSize: string): number | undefined {
  const [, family = "", vCpuText = "", features = "", versionText = ""] =
    /^([a-z]+?)(\d+)(?:-\d+)?([a-z]*)(?:_[a-z0-9]+)*?_v(\d+)$/u.exec(shortName(vmSize)) ?? [];
  const [vCpus, version] = [Number(vCpuText), Number(versionText)];
  const firstVersion = RULED_FAMILIES[family];
  if (firstVersion === undefined || version < firstVersion) return undefined;
  if (version < 6 || features.includes("a") || vCpus < 2 || !LARGER_FROM_6.includes(family))
    return Math.min(32, 2 * vCpus);
  if (vCpus >= 32) return 64;
  return vCpus >= 16 ? 48 : vCpus >= 8 ? 24 : vCpus >= 4 ? 12 : 8;
}

function shortName(vmSize: string): string {
  return vmSize.toLowerCase().replace(/^standard_/u, "");
}
