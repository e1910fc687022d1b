import type { DiskModification, DiskSpec, VolumeDetail } from "../../api/az-volume.ts";
import type { FailureOf } from "../../failure/failure.ts";
import { refuseArgument } from "../../failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../failure/result.ts";
import { sameJson } from "../../primitives/same-json.ts";
import { checkDisk } from "../check-disk.ts";
import { isZoneRedundant } from "../disk-sku.ts";
import {
  metadataParameterNames,
  type VolumeParameter,
  type VolumeParameterName,
  volumeParameterNames,
  volumeParameterTable,
} from "../parameters/volume-parameter-table.ts";
import { parseVolumeParameters, type VolumeParameters } from "../parameters/volume-parameters.ts";
import { canBurst } from "../sku-rules.ts";
import { checkAddedTags, isOwnTag } from "../tags/volume-tags.ts";

type InvalidArgument = FailureOf<"InvalidArgument">;
type Parameters = Readonly<Record<string, string>>;

const FIELD = "mutable_parameters";

/** A disk as it is and as it was asked for, as far as a modification depends on it. */
interface PresentDisk {
  readonly detail: Pick<VolumeDetail, "skuName" | "sizeGiB" | "maxShares" | "zones" | "burstingEnabled">;
  readonly disk: DiskSpec;
}

const DELIMITER_KEY = "tagvaluedelimiter";

/** Those that state the tags together. */
const tagParameters: readonly VolumeParameterName[] = ["tags", "tagValueDelimiter"];

/** The parameters that a VolumeAttributesClass may state, in the spelling of the documentation. */
export const mutableParameterNames = volumeParameterNames.filter((name) => {
  const row: VolumeParameter = volumeParameterTable[name];
  return row.isMutable === true;
});

/**
 * Parses the parameters of a VolumeAttributesClass. Only what they state is changed (CSI,
 * ControllerModifyVolume). Fails with `InvalidArgument`, which names parameter, value and what is allowed.
 */
export function parseModification(parameters: Parameters): Result<DiskModification, InvalidArgument> {
  const names = checkMutable(parameters);
  if (!names.ok) return names;
  const parsed = parseVolumeParameters(parameters);
  if (!parsed.ok)
    return fail({ ...parsed.failure, field: parsed.failure.field.replace("parameters", FIELD) });
  const values: Readonly<Record<string, unknown>> = {
    ...parsed.value,
    storageAccountType: parsed.value.skuName,
  };
  const isStated = (name: string): boolean =>
    Object.entries(parameters).some(
      ([stated, value]) => stated.toLowerCase() === name.toLowerCase() && value !== "",
    );
  const fields = mutableParameterNames
    .filter((name) => isStated(name) && !tagParameters.includes(name))
    .map((name) => [volumeParameterTable[name].field.replace("disk.", ""), values[name]] as const);
  const tags = Object.entries(parsed.value.tags).filter(([name]) => !isOwnTag(name));
  const modification: DiskModification = Object.fromEntries(fields);
  return ok({ ...modification, ...(tags.length > 0 ? { tags: Object.fromEntries(tags) } : {}) });
}

/**
 * Parses the parameters of a new volume: those of a StorageClass with those of a VolumeAttributesClass. Only
 * beside the former does external-provisioner say what the volume and its claim are called.
 */
export function parseWithMutable(
  parameters: Parameters,
  mutable: Parameters,
): Result<VolumeParameters, InvalidArgument> {
  const names: readonly string[] = metadataParameterNames;
  const metadata = Object.entries(parameters).filter(([name]) => names.includes(name));
  const alone = parseModification({ ...Object.fromEntries(metadata), ...mutable });
  return alone.ok ? parseVolumeParameters(withMutable(parameters, mutable)) : alone;
}

/**
 * The parameters of a StorageClass with those of a VolumeAttributesClass, which take precedence (CSI,
 * CreateVolume). The two names of the SKU are one parameter, and so are tags with their delimiter.
 */
export function withMutable(parameters: Parameters, mutable: Parameters): Parameters {
  const keys = new Set(Object.keys(mutable).map(parameterKey));
  const isOfMutable = (name: string): boolean => {
    const key = parameterKey(name);
    // Without tags beside it, a delimiter splits nothing: not the tags of the StorageClass either.
    return keys.has(key === DELIMITER_KEY ? "tags" : key);
  };
  const kept = Object.entries(parameters).filter(([name]) => !isOfMutable(name));
  const stated = Object.entries(mutable).filter(([name]) => isOfMutable(name));
  return Object.fromEntries([...kept, ...stated]);
}

/**
 * Checks that Azure can make of a disk what is asked, as far as that does not depend on the moment (Learn,
 * Convert the disk type of a managed disk).
 */
export function checkModification(
  { tags = {}, ...change }: DiskModification,
  { detail, disk }: PresentDisk,
): Result<void, InvalidArgument> {
  const { skuName, sizeGiB, maxShares, burstingEnabled = disk.burstingEnabled } = detail;
  // Others, and earlier classes, have set the performance since the spec was written.
  const { diskIOPSReadWrite: _iops, diskMBpsReadWrite: _mbps, ...made } = disk;
  const present = { ...made, skuName, sizeGiB, maxShares, burstingEnabled };
  const { skuName: to = skuName } = change;
  const bursts = canBurst(skuName) && burstingEnabled === true;
  if (bursts && to === "PremiumV2_LRS") return refuseArgument(`${FIELD}.skuName`, to, BURSTS);
  const changed = { ...present, ...(change as Partial<DiskSpec>) };
  const possible = checkDisk({ ...changed, burstingEnabled: bursts && canBurst(to) }, FIELD);
  // What a disk has already is no reason to refuse a change: others change it beyond the rules.
  if (!possible.ok && !sameJson(possible, checkDisk(present, FIELD))) return possible;
  const problem = to === skuName ? undefined : conversionProblem(detail, to);
  if (problem !== undefined) return refuseArgument(`${FIELD}.skuName`, to, problem);
  return checkAddedTags(disk.tags, tags, `${FIELD}.tags`);
}

/**
 * Azure makes no Premium SSD v2 of a disk that bursts, and ends bursting as a disk gets another type without
 * it (Learn, Enable on-demand bursting).
 */
const BURSTS =
  "the disk bursts on demand (burstingEnabled), and Azure makes no PremiumV2_LRS of one that does; disable " +
  "that first: az disk update --enable-bursting false";

/** Checks that a VolumeAttributesClass states only what can change. */
function checkMutable(parameters: Parameters): Result<void, InvalidArgument> {
  const allowed = [...mutableParameterNames, ...metadataParameterNames].map((name) => name.toLowerCase());
  const other = Object.entries(parameters).find(([name]) => !allowed.includes(name.toLowerCase()));
  if (other === undefined) return ok(undefined);
  const problem =
    "is no parameter that a VolumeAttributesClass changes. Allowed: " + mutableParameterNames.join(", ");
  return refuseArgument(`${FIELD}.${other[0]}`, other[1], problem);
}

function conversionProblem(detail: Pick<VolumeDetail, "skuName" | "zones">, to: string): string | undefined {
  const from = detail.skuName;
  if (from === "PremiumV2_LRS" || from === "UltraSSD_LRS" || to === "UltraSSD_LRS")
    return `Azure makes no ${to} disk of a ${from} disk; only a copy by snapshot has another SKU`;
  if (isZoneRedundant(from) && !isZoneRedundant(to))
    return `the disk is ${from}, and its PersistentVolume promises every zone of the region`;
  if (isZoneRedundant(to) && detail.zones.length > 0)
    return `Azure makes no zone-redundant disk of one in zone ${detail.zones.join(", ")}`;
  return undefined;
}

function parameterKey(name: string): string {
  const key = name.toLowerCase();
  return key === "storageaccounttype" ? "skuname" : key;
}
