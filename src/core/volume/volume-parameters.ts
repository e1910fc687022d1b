import { regionName } from "../azure/topology.ts";
import type { FailureOf } from "../failure/failure.ts";
import type { Result } from "../failure/result.ts";
import { fail, ok } from "../failure/result.ts";
import { closestName } from "../primitives/closest-name.ts";
import type { CachingMode, DiskSku } from "./disk-sku.ts";
import type { FileSystemType } from "./file-system.ts";
import type { MetadataParameterName } from "./volume-parameter-names.ts";
import {
  compatibilityParameterNames,
  laterParameterNames,
  laterParameterPrefix,
  metadataParameterNames,
  volumeParameterNames,
} from "./volume-parameter-names.ts";
import type { VolumeParameterName } from "./volume-parameter-table.ts";
import { volumeParameterTable } from "./volume-parameter-table.ts";
import type { Tags } from "./volume-tags.ts";
import { volumeTags } from "./volume-tags.ts";

/** A StorageClass's parsed parameters. Undefined: not stated, `resolve-volume-spec.ts` chooses. */
export interface VolumeParameters {
  /** Default StandardSSD_LRS. */
  readonly skuName: DiskSku;
  /** VMs that may have the disk attached at once. Default 1. */
  readonly maxShares: number;
  /** Number of replica attachments to keep. */
  readonly maxMountReplicaCount: number | undefined;
  readonly cachingMode: CachingMode | undefined;
  readonly fsType: FileSystemType | undefined;
  /** All tags of the disk, the driver's own included. */
  readonly tags: Tags;
  readonly resourceGroup: string | undefined;
  /** Azure region such as `eastus`: lower case, no spaces. */
  readonly location: string | undefined;
}

type InvalidArgument = FailureOf<"InvalidArgument">;
type Given = ReadonlyMap<string, { readonly name: string; readonly value: string }>;

const table = volumeParameterTable;
const DIGITS_MAX = 9;

/**
 * Parses StorageClass parameters, or a volume context made of them. Names are compared without case; each
 * failure names field, value and what is allowed.
 */
export function parseVolumeParameters(
  parameters: Readonly<Record<string, string>>,
): Result<VolumeParameters, InvalidArgument> {
  const given = byLowerCaseName(parameters);
  if (!given.ok) return given;
  const skuName = parseSku(given.value);
  if (!skuName.ok) return skuName;
  const maxShares = parseCount(given.value, "maxShares", table.maxShares);
  if (!maxShares.ok) return maxShares;
  const maxMountReplicaCount = parseCount(given.value, "maxMountReplicaCount", table.maxMountReplicaCount);
  if (!maxMountReplicaCount.ok) return maxMountReplicaCount;
  const cachingMode = parseChoice(given.value, "cachingMode", table.cachingMode.choices);
  if (!cachingMode.ok) return cachingMode;
  const fsType = parseFileSystemType(stated(given.value, "fsType"), "parameters.fsType");
  if (!fsType.ok) return fsType;
  const resourceGroup = parsePattern(given.value, "resourceGroup", table.resourceGroup);
  if (!resourceGroup.ok) return resourceGroup;
  const location = parsePattern(withRegionName(given.value), "location", table.location);
  if (!location.ok) return location;
  const tags = volumeTags({
    tags: stated(given.value, "tags"),
    tagValueDelimiter: stated(given.value, "tagValueDelimiter"),
    metadata: metadataIn(given.value),
  });
  if (!tags.ok) return tags;
  return ok({
    skuName: skuName.value ?? table.skuName.default,
    maxShares: maxShares.value ?? table.maxShares.default,
    maxMountReplicaCount: maxMountReplicaCount.value,
    cachingMode: cachingMode.value,
    fsType: fsType.value,
    tags: tags.value,
    resourceGroup: resourceGroup.value,
    location: location.value,
  });
}

/** The name under which a volume context has the requested size; static volumes have none. */
const requestedSizeName = "requestedsizegib";

/**
 * The volume context of the node and publish calls: the volume's parameters and the requested size.
 * `kind` is always `Managed`, as with the V1 driver: the in-tree driver's tools accept no other.
 */
export function volumeContextOf(
  parameters: Readonly<Record<string, string>>,
  sizeGiB: number,
): Readonly<Record<string, string>> {
  const entries = Object.entries(parameters).filter(([name]) => name.toLowerCase() !== requestedSizeName);
  const context = entries.map(
    ([name, value]) => [name, name.toLowerCase() === "kind" ? "Managed" : value] as const,
  );
  return { ...Object.fromEntries(context), [requestedSizeName]: String(sizeGiB) };
}

/** Reads a file system's name, in any case; an empty one counts as not stated. */
export function parseFileSystemType(
  value: string | undefined,
  field: string,
): Result<FileSystemType | undefined, InvalidArgument> {
  if (value === undefined || value === "") return ok(undefined);
  const { choices } = table.fsType;
  const fsType = choices.find((candidate) => candidate === value.toLowerCase());
  return fsType === undefined
    ? fail({ kind: "InvalidArgument", field, value, problem: oneOf(value, choices) })
    : ok(fsType);
}

function byLowerCaseName(parameters: Readonly<Record<string, string>>): Result<Given, InvalidArgument> {
  const given = new Map<string, { readonly name: string; readonly value: string }>();
  for (const [name, value] of Object.entries(parameters)) {
    const key = name.toLowerCase();
    const twin = given.get(key);
    if (twin !== undefined)
      return fail(
        invalid(name, value, `is given twice, also as ${twin.name}: names are compared without case`),
      );
    const refused = refusalOf(name, value);
    if (refused !== undefined) return fail(refused);
    given.set(key, { name, value });
  }
  return ok(given);
}

const acceptedNames = [
  ...volumeParameterNames,
  ...metadataParameterNames,
  ...compatibilityParameterNames,
  requestedSizeName,
];

function refusalOf(name: string, value: string): InvalidArgument | undefined {
  if (hasName(acceptedNames, name)) return undefined;
  if (hasName(laterParameterNames, name) || name.toLowerCase().startsWith(laterParameterPrefix)) {
    return invalid(
      name,
      value,
      "is a V1 parameter that this version does not support yet; remove it from the StorageClass",
    );
  }
  const meant = closestName(name, [...acceptedNames, ...laterParameterNames]);
  const hint = meant === undefined ? "." : `; did you mean ${meant}?`;
  return invalid(
    name,
    value,
    `is no parameter of this driver${hint} Allowed: ${volumeParameterNames.join(", ")}`,
  );
}

function hasName(names: readonly string[], name: string): boolean {
  return names.some((candidate) => candidate.toLowerCase() === name.toLowerCase());
}

function stated(given: Given, name: VolumeParameterName | MetadataParameterName): string | undefined {
  const value = given.get(name.toLowerCase())?.value;
  return value === "" ? undefined : value;
}

function parseSku(given: Given): Result<DiskSku | undefined, InvalidArgument> {
  const skuName = parseChoice(given, "skuName", table.skuName.choices);
  if (!skuName.ok) return skuName;
  const alias = parseChoice(given, "storageAccountType", table.storageAccountType.choices);
  if (!alias.ok) return alias;
  if (skuName.value !== undefined && alias.value !== undefined && skuName.value !== alias.value) {
    return fail(
      invalid(
        "storageAccountType",
        alias.value,
        `contradicts skuName (${skuName.value}), which it is another name of; keep one of them`,
      ),
    );
  }
  return ok(skuName.value ?? alias.value);
}

/** V1 accepts only Azure's spelling, so this driver does too, with a hint. */
function parseChoice<T extends string>(
  given: Given,
  name: VolumeParameterName,
  choices: readonly T[],
): Result<T | undefined, InvalidArgument> {
  const value = stated(given, name);
  if (value === undefined) return ok(undefined);
  const choice = choices.find((candidate) => candidate === value);
  return choice === undefined ? fail(invalid(name, value, oneOf(value, choices))) : ok(choice);
}

function parseCount(
  given: Given,
  name: VolumeParameterName,
  bounds: { readonly min: number; readonly max: number },
): Result<number | undefined, InvalidArgument> {
  const value = given.get(name.toLowerCase())?.value;
  if (value === undefined) return ok(undefined);
  const count = value.length <= DIGITS_MAX && /^[0-9]+$/u.test(value) ? Number(value) : Number.NaN;
  if (count >= bounds.min && count <= bounds.max) return ok(count);
  return fail(invalid(name, value, `must be a whole number from ${bounds.min} to ${bounds.max}`));
}

function parsePattern(
  given: Given,
  name: VolumeParameterName,
  { pattern, rule }: { readonly pattern: RegExp; readonly rule: string },
): Result<string | undefined, InvalidArgument> {
  const value = stated(given, name);
  if (value === undefined || pattern.test(value)) return ok(value);
  return fail(invalid(name, value, rule));
}

function withRegionName(given: Given): Given {
  const location = given.get("location");
  if (location === undefined) return given;
  return new Map(given).set("location", { ...location, value: regionName(location.value) });
}

function metadataIn(given: Given): Readonly<Partial<Record<MetadataParameterName, string>>> {
  const metadata: Partial<Record<MetadataParameterName, string>> = {};
  for (const name of metadataParameterNames) {
    const value = stated(given, name);
    if (value !== undefined) metadata[name] = value;
  }
  return metadata;
}

function oneOf(value: string, choices: readonly string[]): string {
  const meant = closestName(value, choices);
  return `must be one of ${choices.join(", ")}${meant === undefined ? "" : `; did you mean ${meant}?`}`;
}

function invalid(name: string, value: string, problem: string): InvalidArgument {
  return { kind: "InvalidArgument", field: `parameters.${name}`, value, problem };
}
