import type { DiskSpec } from "../api/az-volume.ts";
import type { FailureOf } from "../failure/failure.ts";
import { refuseArgument } from "../failure/frequent-failures.ts";
import { ok, type Result } from "../failure/result.ts";
import { diskEncryptionTypes, type DiskSku, diskSkus, sectorSizes } from "./disk-sku.ts";
import { type VolumeParameter, volumeParameterTable } from "./parameters/volume-parameter-table.ts";
import { iopsRange, mbpsRange, type SkuRules, skuRules } from "./sku-rules.ts";

/** A disk to check: all of its spec that a rule reads. */
export type DiskToCheck = Omit<
  DiskSpec,
  "tags" | "diskName" | "location" | "zone" | "resourceGroup" | "subscriptionId"
>;

/** A disk with its SKU and what that SKU allows. */
type Ruled = DiskToCheck & {
  readonly sku: DiskSku;
  readonly rules: SkuRules;
  readonly isMade: boolean;
};

const [CUSTOMER_KEY, DOUBLE_ENCRYPTION] = diskEncryptionTypes;

interface Problem {
  readonly field: keyof DiskToCheck;
  readonly problem: string;
}

type DiskRule = (disk: Ruled) => Problem | undefined;

/** Each says why Azure can't make a disk; the first problem counts. */
const diskRules: readonly DiskRule[] = [
  sizeProblem,
  sharesProblem,
  iopsProblem,
  mbpsProblem,
  sectorSizeProblem,
  burstingProblem,
  performancePlusProblem,
  networkProblem,
  encryptionProblem,
];

/**
 * Checks that Azure can make a disk, as far as its spec tells. Any client may have written the spec. Fails
 * with `InvalidArgument` on a field of `where`.
 */
export function checkDisk(
  disk: DiskToCheck,
  where: "parameters" | "mutable_parameters" | "spec.disk",
): Result<void, FailureOf<"InvalidArgument">> {
  const sku = diskSkus.find((known) => known === disk.skuName);
  const found =
    sku === undefined
      ? { field: "skuName" as const, problem: `must be one of ${diskSkus.join(", ")}` }
      : firstProblem({ ...disk, sku, rules: skuRules[sku], isMade: where === "mutable_parameters" });
  if (found === undefined) return ok(undefined);
  const { field, problem } = found;
  const name = where === "spec.disk" ? field : parameterOf(field);
  return refuseArgument(`${where}.${name}`, String(disk[field] ?? ""), problem);
}

function firstProblem(disk: Ruled): Problem | undefined {
  for (const rule of diskRules) {
    const problem = rule(disk);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function parameterOf(field: keyof DiskToCheck): string {
  const rows: readonly (readonly [string, VolumeParameter])[] = Object.entries(volumeParameterTable);
  return rows.find(([, row]) => row.field === `disk.${field}`)?.[0] ?? field;
}

/** How many VMs may share a disk of this SKU and size; 1 where Azure allows no sharing. */
export function diskSharesMax(disk: { readonly skuName: DiskSku; readonly sizeGiB: number }): number {
  const { shares } = skuRules[disk.skuName];
  return shares.find(({ sizeMaxGiB }) => disk.sizeGiB <= sizeMaxGiB)?.shares ?? 1;
}

function sizeProblem({ sku, sizeGiB, rules }: Ruled): Problem | undefined {
  const { sizeMinGiB: min, sizeMaxGiB: max } = rules;
  return sizeGiB >= min && sizeGiB <= max
    ? undefined
    : { field: "sizeGiB", problem: `must be from ${min} to ${max} for a ${sku} disk` };
}

function sharesProblem({ sku, sizeGiB, maxShares }: Ruled): Problem | undefined {
  const sharesMax = diskSharesMax({ skuName: sku, sizeGiB });
  if (maxShares <= sharesMax) return undefined;
  const problem =
    sharesMax === 1
      ? `must be 1: Azure does not share ${sku} disks; use a Premium, StandardSSD, PremiumV2 or Ultra SKU`
      : `must be from 1 to ${sharesMax} for a ${sku} disk of ${sizeGiB} GiB`;
  return { field: "maxShares", problem };
}

function iopsProblem({ sku, sizeGiB, rules, diskIOPSReadWrite: iops }: Ruled): Problem | undefined {
  if (iops === undefined) return undefined;
  const field = "diskIOPSReadWrite";
  if (rules.performance === undefined) return { field, problem: notFlexible(sku) };
  const { min, max } = iopsRange(rules.performance, sizeGiB);
  if (iops >= min && iops <= max) return undefined;
  const ofDisk = `for a ${sku} disk of ${sizeGiB} GiB`;
  const problem =
    min === max
      ? `must be ${min} ${ofDisk}; a larger disk may have more`
      : `must be from ${min} to ${max} ${ofDisk}`;
  return { field, problem };
}

/**
 * Without stated IOPS, Azure gives a new disk the SKU's least. One that is made may have any that others, or
 * an earlier class, have given it: what those allow is Azure's to judge.
 */
function mbpsProblem({ sku, sizeGiB, rules, isMade, ...disk }: Ruled): Problem | undefined {
  const { diskMBpsReadWrite: mbps, diskIOPSReadWrite: iops } = disk;
  if (mbps === undefined) return undefined;
  const field = "diskMBpsReadWrite";
  if (rules.performance === undefined) return { field, problem: notFlexible(sku) };
  const { min: leastIops, max: mostIops } = iopsRange(rules.performance, sizeGiB);
  const { min } = mbpsRange(rules.performance, iops ?? leastIops);
  const { max } = mbpsRange(rules.performance, iops ?? (isMade ? mostIops : leastIops));
  if (mbps >= min && mbps <= max) return undefined;
  const range = `must be from ${min} to ${max} for a ${sku} disk of ${sizeGiB} GiB`;
  if (iops === undefined && isMade) return { field, problem: range };
  const ofDisk = `${range} and ${iops ?? "Azure's default"} IOPS`;
  return { field, problem: mbps < min ? ofDisk : `${ofDisk}; raise DiskIOPSReadWrite for more` };
}

function sectorSizeProblem({ sku, rules, logicalSectorSize }: Ruled): Problem | undefined {
  if (logicalSectorSize === undefined) return undefined;
  const field = "logicalSectorSize";
  if (rules.performance === undefined) return { field, problem: notFlexible(sku) };
  const sizes: readonly number[] = sectorSizes;
  return sizes.includes(logicalSectorSize)
    ? undefined
    : { field, problem: `must be one of ${sizes.join(", ")}` };
}

function burstingProblem({ sku, sizeGiB, maxShares, rules, burstingEnabled }: Ruled): Problem | undefined {
  if (burstingEnabled !== true) return undefined;
  const field = "burstingEnabled";
  if (rules.burstingMinGiB === undefined)
    return { field, problem: `is possible for Premium_LRS and Premium_ZRS disks, not for ${sku}` };
  if (sizeGiB < rules.burstingMinGiB)
    return { field, problem: `needs ${rules.burstingMinGiB} GiB or more, and the disk has ${sizeGiB} GiB` };
  return maxShares > 1
    ? { field, problem: `needs a disk that is not shared, and maxShares is ${maxShares}` }
    : undefined;
}

/** Azure takes it for new disks only. What becomes of it with another SKU is Azure's to judge. */
function performancePlusProblem(disk: Ruled): Problem | undefined {
  const { sku, sizeGiB, rules, isMade, performancePlus } = disk;
  if (performancePlus !== true || isMade) return undefined;
  const field = "performancePlus";
  const { performancePlusMinGiB: min } = rules;
  if (min === undefined)
    return { field, problem: `is not possible for ${sku} disks: set DiskIOPSReadWrite instead` };
  return sizeGiB < min
    ? { field, problem: `needs ${min} GiB or more, and the disk has ${sizeGiB} GiB` }
    : undefined;
}

/** Azure takes a DiskAccess with AllowPrivate, and with no other policy. */
function networkProblem({ networkAccessPolicy: policy, diskAccessId }: Ruled): Problem | undefined {
  if (policy === "AllowPrivate" && diskAccessId === undefined)
    return { field: "networkAccessPolicy", problem: "needs diskAccessID: the private endpoint's DiskAccess" };
  return diskAccessId !== undefined && policy !== "AllowPrivate"
    ? {
        field: "diskAccessId",
        problem: `needs networkAccessPolicy AllowPrivate, and it is ${policy ?? "absent"}`,
      }
    : undefined;
}

function encryptionProblem({ sku, rules, encryptionType, diskEncryptionSetId }: Ruled): Problem | undefined {
  if (encryptionType === undefined) return undefined;
  const field = "encryptionType";
  if (diskEncryptionSetId === undefined)
    return { field, problem: "needs diskEncryptionSetID: the set holds the customer's key" };
  return encryptionType === DOUBLE_ENCRYPTION && rules.isDoublyEncrypted !== true
    ? {
        field,
        problem: `is not possible for ${sku} disks, which Azure encrypts with one key: use ${CUSTOMER_KEY}`,
      }
    : undefined;
}

function notFlexible(sku: DiskSku): string {
  return `is possible for UltraSSD_LRS and PremiumV2_LRS disks, not for ${sku}`;
}
