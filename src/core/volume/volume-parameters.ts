import type { FailureOf } from "../failure/failure.ts";
import type { Result } from "../failure/result.ts";
import { fail, ok } from "../failure/result.ts";
import { closestName } from "../primitives/closest-name.ts";
import type { DiskSku } from "./disk-sku.ts";
import type { FileSystemType } from "./file-system.ts";
import { readValue } from "./parameter-value.ts";
import type { MetadataParameterName } from "./volume-parameter-names.ts";
import {
  compatibilityParameterNames,
  laterParameterNames,
  laterParameterPrefix,
  metadataParameterNames,
  volumeParameterNames,
} from "./volume-parameter-names.ts";
import type { VolumeParameter, VolumeParameterName } from "./volume-parameter-table.ts";
import { volumeParameterTable } from "./volume-parameter-table.ts";
import type { Tags } from "./volume-tags.ts";
import { volumeTags } from "./volume-tags.ts";

type Table = typeof volumeParameterTable;

/** Each parameter as its row of the table reads it. Undefined: not stated. */
type Stated = {
  readonly [Name in VolumeParameterName]:
    | (Table[Name] extends { readonly choices: readonly (infer Choice)[] }
        ? Choice
        : Table[Name] extends { readonly kind: "count" }
          ? number
          : string)
    | undefined;
};

/** Parameters with a default, and those that several parameters state together. */
interface Combined {
  readonly skuName: DiskSku;
  readonly maxShares: number;
  /** All tags of the disk, the driver's own included. */
  readonly tags: Tags;
}

/** A StorageClass's parsed parameters. Undefined: not stated, `resolve-volume-spec.ts` chooses. */
export type VolumeParameters = Omit<Stated, keyof Combined | "storageAccountType" | "tagValueDelimiter"> &
  Combined;

type InvalidArgument = FailureOf<"InvalidArgument">;
type Given = ReadonlyMap<string, { readonly name: string; readonly value: string }>;

const table = volumeParameterTable;

/**
 * Parses StorageClass parameters, or a volume context made of them. Names are compared without case; each
 * failure names field, value and what is allowed.
 */
export function parseVolumeParameters(
  parameters: Readonly<Record<string, string>>,
): Result<VolumeParameters, InvalidArgument> {
  const given = byLowerCaseName(parameters);
  if (!given.ok) return given;
  const stated = parseEach(given.value);
  if (!stated.ok) return stated;
  const { skuName, storageAccountType, maxShares, tags: pairs, tagValueDelimiter, ...others } = stated.value;
  if (skuName !== undefined && storageAccountType !== undefined && skuName !== storageAccountType)
    return fail(
      invalid(
        "storageAccountType",
        storageAccountType,
        `contradicts skuName (${skuName}), which it is another name of; keep one of them`,
      ),
    );
  const tags = volumeTags({ tags: pairs, tagValueDelimiter, metadata: metadataIn(given.value) });
  if (!tags.ok) return tags;
  return ok({
    ...others,
    skuName: skuName ?? storageAccountType ?? table.skuName.default,
    maxShares: maxShares ?? table.maxShares.default,
    tags: tags.value,
  });
}

/** The parameters that act on a disk which exists already, without those that can't be read. */
export function readableParameters(
  parameters: Readonly<Record<string, string>>,
): Partial<Pick<VolumeParameters, "cachingMode" | "fsType" | "maxMountReplicaCount">> {
  const readable = Object.entries(parameters).filter(
    ([name, value]) => parseVolumeParameters({ [name]: value }).ok,
  );
  const parsed = parseVolumeParameters(Object.fromEntries(readable));
  return parsed.ok ? parsed.value : {};
}

/** The name under which a volume context has the requested size; static volumes have none. */
const requestedSizeName = "requestedsizegib";

/**
 * The volume context of the node and publish calls: the volume's parameters and the disk's size.
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
  const read = readValue(table.fsType, value);
  if (!read.ok) return fail({ kind: "InvalidArgument", field, value, problem: read.failure });
  return ok(read.value as FileSystemType);
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

/** V1 accepts only Azure's spelling of SKUs and caching modes, so this driver does too, with a hint. */
function parseEach(given: Given): Result<Stated, InvalidArgument> {
  const values: (readonly [string, string | number | undefined])[] = [];
  for (const name of volumeParameterNames) {
    const row: VolumeParameter = table[name];
    const value = row.kind === "count" ? given.get(name.toLowerCase())?.value : stated(given, name);
    const read = value === undefined ? ok(undefined) : readValue(row, value);
    if (!read.ok) return fail(invalid(name, value ?? "", read.failure));
    values.push([name, read.value]);
  }
  return ok(Object.fromEntries(values) as Stated);
}

function metadataIn(given: Given): Readonly<Partial<Record<MetadataParameterName, string>>> {
  const metadata: Partial<Record<MetadataParameterName, string>> = {};
  for (const name of metadataParameterNames) {
    const value = stated(given, name);
    if (value !== undefined) metadata[name] = value;
  }
  return metadata;
}

function invalid(name: string, value: string, problem: string): InvalidArgument {
  return { kind: "InvalidArgument", field: `parameters.${name}`, value, problem };
}
