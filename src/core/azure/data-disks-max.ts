import { dataDisksTable } from "./gen/data-disks-table.ts";

/** Assumed for a size that is not known by name: few take less, and Azure's list corrects it soon. */
export const DATA_DISKS_MAX_UNKNOWN = 4;
/** Assumed where not even the name of the size is known, so that nothing will correct it: as V1 does. */
export const DATA_DISKS_MAX_UNNAMED = 16;

/** The parts of a size's name that decide how many data disks it takes. */
export interface VmSizeName {
  /** The row of the table: the name in lower case with `#` for the vCPUs, such as `d#s_v5`. */
  readonly series: string;
  /** Letters before the vCPUs, such as `d`. */
  readonly family: string;
  /** The first number of the name: vCPUs in most series, the step of a series in the oldest ones. */
  readonly vCpus: number;
  /** Of the series; 0 for one without. */
  readonly version: number;
}

/**
 * Reads a size's name, such as `Standard_E8-2s_v5`; undefined for one of another form. A size with fewer
 * vCPUs in use takes as many disks as the whole size (Learn, Constrained vCPU sizes), also where another list
 * says otherwise: V1's has 32 for Standard_E8-4s_v5, and 16 for Standard_E8s_v5. So do a promotional one, and
 * one of a kind of dedicated hosts (`_ADHType1`): they have the same parts. `_SPECIAL` ones may take fewer.
 */
export function parseVmSizeName(vmSize: string): VmSizeName | undefined {
  const [, family, vCpus, rest = ""] =
    /^(?:standard_)?((?:basic_)?[a-z]+)(\d+)(?:-\d+)?([\w-]*?)(?:_promo|_adhtype\d+)?$/u.exec(
      vmSize.toLowerCase(),
    ) ?? [];
  if (family === undefined) return undefined;
  const version = Number(/_v(\d+)(?:_special)?$/u.exec(rest)?.[1] ?? 0);
  return { series: `${family}#${rest}`, family, vCpus: Number(vCpus), version };
}

/** How many data disks a VM of that size takes; undefined for a size that is not in the table. */
export function knownDataDisksMax(vmSize: string): number | undefined {
  const name = parseVmSizeName(vmSize);
  if (name === undefined) return undefined;
  // A search in one string, when asked: this runs on every node, for one size.
  const key = `\n${name.series}=`;
  const start = dataDisksTable.indexOf(key);
  if (start === -1) return undefined;
  const row = dataDisksTable.slice(start + key.length, dataDisksTable.indexOf("\n", start + 1));
  const group = row.split(" ").find((each) => vCpusOf(each).includes(`${name.vCpus}`));
  return group === undefined ? undefined : Number.parseInt(group, 10);
}

/** Of a group such as `32:16,32,48`: 32 disks for sizes of that many vCPUs. */
function vCpusOf(group: string): readonly string[] {
  return group.slice(group.indexOf(":") + 1).split(",");
}

/** The data disks to assume of that VM size: rather too few, since a pod on a full VM does not start. */
export function dataDisksMaxOf(vmSize: string): number {
  if (vmSize === "") return DATA_DISKS_MAX_UNNAMED;
  return knownDataDisksMax(vmSize) ?? dataDisksMaxByFamily(vmSize);
}

/** From this version on, the families keep the rules below, and the first number of a name is its vCPUs. */
const VERSION_WITH_RULES = 3;
/** In these families, no size of the table takes fewer than two disks a vCPU, or 32. */
const TWO_A_VCPU = ["b", "d", "dc", "e", "ec", "f", "fx"];
/** In these families, no size of the table takes fewer than one disk a vCPU, or 16. */
const ONE_A_VCPU = ["hb", "l", "m", "nd"];
/** In these families some large sizes take one disk. */
const ONE_DISK = ["nc", "nv"];

/** The least that a size newer than the table takes, by family and vCPUs; a test holds it to the table. */
export function dataDisksMaxByFamily(vmSize: string): number {
  const name = parseVmSizeName(vmSize);
  if (name === undefined || name.version < VERSION_WITH_RULES) return DATA_DISKS_MAX_UNKNOWN;
  const { family, vCpus } = name;
  if (TWO_A_VCPU.includes(family)) return Math.min(32, 2 * vCpus);
  if (ONE_A_VCPU.includes(family)) return Math.min(16, vCpus);
  return ONE_DISK.includes(family) ? 1 : DATA_DISKS_MAX_UNKNOWN;
}
