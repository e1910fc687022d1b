/** Assumed for a size that is not known by name: few take less, and Azure's list corrects it soon. */
export const DATA_DISKS_MAX_UNKNOWN = 4;
/** Assumed where not even the name of the size is known, so that nothing will correct it: as V1 does. */
export const DATA_DISKS_MAX_UNNAMED = 16;

/** Data disks by VM size, without `Standard_` and in lower case, grouped by how many they take. */
const sizesByDataDisksMax: Readonly<Record<number, string>> = {
  1: "a0 dc1s_v2",
  2: "a1 a0_v2 a1_v2 b1s b1ms b1ls dc2s_v2",
  4:
    "a2 a2_v2 b2s b2ms b2s_v2 d1_v2 ds1_v2 dc4s_v2 d2s_v3 d2_v3 d2s_v4 d2s_v5 d2ds_v5 d2as_v5 d2ads_v5 " +
    "d2ps_v5 e2s_v3 e2s_v5 e2ds_v5 e2as_v5 e2bs_v5 f2s_v2 d2as_v6 d2ads_v6 f2as_v6",
  8:
    "a3 b4ms b4as_v2 b4s_v2 d2_v2 ds2_v2 d11_v2 ds11_v2 d4s_v3 d4s_v4 d4s_v5 d4ds_v5 d4as_v5 d4ads_v5 " +
    "e4s_v3 e4s_v5 e4ds_v5 e4as_v5 f4s_v2 d2s_v6 d2ds_v6 d2ps_v6 d4as_v6 e2s_v6 m8ms nc24ads_a100_v4 " +
    "nc40ads_h100_v5",
  10: "d2s_v7",
  12: "nc6s_v3 d4s_v6 d4ds_v6 e4s_v6 d4s_v7",
  16:
    "a4 d3_v2 ds3_v2 d12_v2 ds12_v2 d8s_v3 d8s_v4 d8s_v5 d8ds_v5 d8as_v5 d8ads_v5 e8s_v3 e8s_v5 e8bs_v5 " +
    "f8s_v2 f8as_v6 l8s_v3 nd96isr_h100_v5",
  24: "d8s_v6 d8ds_v6 l8s_v4",
  32:
    "d4_v2 ds4_v2 d13_v2 ds13_v2 d16s_v3 d32s_v3 d48s_v3 d64s_v3 d16s_v5 d32s_v5 d48s_v5 d64s_v5 " +
    "d96s_v5 d96ads_v6 e16s_v5 e32s_v5 e48s_v5 e64s_v5 e96s_v5 e64bs_v5 e96bs_v5 f16s_v2 f32s_v2 " +
    "f48s_v2 f64s_v2 f72s_v2 f64as_v6 l16s_v3 l32s_v3 l48s_v3 l64s_v3 l80s_v3 m32ts nv36ads_a10_v5 " +
    "hb120rs_v3",
  48: "d16s_v6 d16ps_v6 e16s_v6",
  64:
    "d5_v2 ds5_v2 d14_v2 ds14_v2 d32s_v6 d48s_v6 d64s_v6 d96s_v6 e64s_v6 e96s_v6 e104is_v5 e112ibs_v5 " +
    "l96s_v4 m64s m128s",
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
  if (vmSize === "") return DATA_DISKS_MAX_UNNAMED;
  return knownDataDisksMax(vmSize) ?? dataDisksByName(vmSize) ?? DATA_DISKS_MAX_UNKNOWN;
}

/**
 * Families in which a size takes two disks a vCPU, and 32 at most, with the versions in which it does. `a`:
 * of AMD; `an`: of AMD, without NVMe for remote disks.
 */
const TWO_A_VCPU: Readonly<Record<string, RegExp>> = {
  d: /^a?[345]$|^a6$|^an7$/u,
  e: /^a?[345]$|^a6$|^an7$/u,
  dc: /^a?[345]$|^a6$/u,
  ec: /^a?[345]$|^a6$/u,
  f: /^2$|^a6$/u,
  b: /^a?2$/u,
  l: /^a?[23]$/u,
};
/** Families whose remote disks are NVMe, with their versions: small sizes take more, and large ones 64. */
const NVME: Readonly<Record<string, RegExp>> = {
  d: /^[67]$|^a7$/u,
  e: /^[67]$|^a7$/u,
  dc: /^[67]$|^a7$/u,
  ec: /^[67]$|^a7$/u,
  f: /^[67]$|^a7$/u,
  fx: /^2$/u,
  l: /^a?5$/u,
};
/** How many disks an NVMe size takes at least, from that many vCPUs on. */
const NVME_STEPS: readonly (readonly [vCpus: number, disks: number])[] = [
  [48, 64],
  [16, 48],
  [8, 24],
  [4, 12],
  [2, 8],
  [1, 4],
];

/** What any size of the M family with 16 vCPUs or more takes. */
const M_LEAST = 16;
/** What any size of the NC family takes in versions 2 to 5. */
const NC_LEAST = 8;

/**
 * By the parts of a size's name, such as `Standard_E8-2bds_v5`: family, vCPUs of the whole size, features,
 * version.
 */
function dataDisksByName(vmSize: string): number | undefined {
  const [, family = "", vCpuText = "", features = "", version = ""] =
    /^([a-z]+?)(\d+)(?:-\d+)?([a-z]*)(?:_[a-z0-9]+)*?(?:_v(\d+))?(?:_promo)?$/u.exec(shortName(vmSize)) ?? [];
  const vCpus = Number(vCpuText);
  if (family === "m" && vCpus >= 16) return M_LEAST;
  if (family === "nc" && version !== "") return Number(version) >= 6 ? 1 : NC_LEAST;
  const generation = `${/^an?/u.exec(features)?.[0] ?? ""}${version}`;
  if (TWO_A_VCPU[family]?.test(generation) === true) return Math.min(32, 2 * vCpus);
  return NVME[family]?.test(generation) === true
    ? NVME_STEPS.find(([atLeast]) => vCpus >= atLeast)?.[1]
    : undefined;
}

function shortName(vmSize: string): string {
  return vmSize.toLowerCase().replace(/^standard_/u, "");
}
