import type { AzVolume, DiskSpec } from "../../api/az-volume.ts";
import { diskNameFor } from "../../api/object-names.ts";
import type { FailureOf } from "../../failure/failure.ts";
import { invalidArgument, refuseArgument } from "../../failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../failure/result.ts";
import { checkDeviceSettings, isDeviceSetting } from "../device/device-settings.ts";
import { geometryNames } from "../device/file-system-geometry.ts";
import type { FileSystemType } from "../device/file-system.ts";
import type { DiskSku, networkAccessPolicies, publicNetworkAccesses } from "../disk-sku.ts";
import { isCacheable } from "../sku-rules.ts";
import { fillIn, type Tags, volumeTags } from "../tags/volume-tags.ts";
import { readValue, refuseParameter, unknownParameter } from "./parameter-value.ts";
import {
  compatibilityParameterNames,
  type MetadataParameterName,
  metadataParameterNames,
  type SpecField,
  type VolumeParameter,
  type VolumeParameterName,
  volumeParameterNames,
  volumeParameterTable,
} from "./volume-parameter-table.ts";

type Table = typeof volumeParameterTable;

/** Each parameter as its row of the table reads it. Undefined: not stated. */
type Stated = {
  readonly [Name in VolumeParameterName]:
    | (Table[Name] extends { readonly choices: readonly (infer Choice)[] }
        ? Choice
        : Table[Name] extends { readonly numbers: readonly (infer Num)[] }
          ? Num
          : Table[Name] extends { readonly kind: "count" }
            ? number
            : Table[Name] extends { readonly kind: "flag" }
              ? boolean
              : string)
    | undefined;
};

/** Parameters with a default, and those that several parameters state together. */
interface Combined {
  readonly skuName: DiskSku;
  readonly maxShares: number;
  readonly networkAccessPolicy: (typeof networkAccessPolicies)[number];
  readonly publicNetworkAccess: (typeof publicNetworkAccesses)[number];
  /** Filled in, and the name of an object as well. */
  readonly diskName: string | undefined;
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
  const tunable = checkDeviceSettings(parameters, stated.value.perfProfile);
  if (!tunable.ok) return tunable;
  const { skuName, storageAccountType, diskName: template, ...more } = stated.value;
  const { tags: pairs, tagValueDelimiter, ...others } = more;
  if (skuName !== undefined && storageAccountType !== undefined && skuName !== storageAccountType)
    return refuseParameter(
      "storageAccountType",
      storageAccountType,
      `contradicts skuName (${skuName}), which it is another name of; keep one of them`,
    );
  const { writeAcceleratorEnabled } = others;
  const metadata = metadataIn(given.value);
  const tags = volumeTags({ tags: pairs, tagValueDelimiter, metadata, writeAcceleratorEnabled });
  if (!tags.ok) return tags;
  const name = template === undefined ? ok(undefined) : fillIn("diskName", template, metadata);
  if (!name.ok) return name;
  return ok({
    ...others,
    skuName: skuName ?? storageAccountType ?? table.skuName.default,
    maxShares: others.maxShares ?? table.maxShares.default,
    networkAccessPolicy: others.networkAccessPolicy ?? table.networkAccessPolicy.default,
    // Beside no policy V1 ignores it: the disk is closed to all networks, and Azure takes no DiskAccess then.
    diskAccessID: others.networkAccessPolicy === undefined ? undefined : others.diskAccessID,
    publicNetworkAccess: others.publicNetworkAccess ?? table.publicNetworkAccess.default,
    tags: tags.value,
    diskName: name.value === undefined ? undefined : diskNameFor(name.value),
  });
}

/**
 * Parameters that act on a disk which exists already, so that PersistentVolumes state them as well. V1 has
 * all but the number of replicas and the geometry of a new file system.
 */
export const attributeNames = [
  "cachingMode",
  "fsType",
  ...geometryNames,
  "maxMountReplicaCount",
  "writeAcceleratorEnabled",
] as const satisfies readonly VolumeParameterName[];

type AttributeName = (typeof attributeNames)[number];

/** The parameters that act on an existing disk, without those that can't be read, or contradict others. */
export function readableParameters(
  parameters: Readonly<Record<string, string>>,
): Partial<Pick<VolumeParameters, AttributeName>> {
  let readable: VolumeParameters | undefined;
  let kept: Readonly<Record<string, string>> = {};
  for (const [name, value] of Object.entries(parameters)) {
    const more = { ...kept, [name]: value };
    const parsed = parseVolumeParameters(more);
    if (!parsed.ok) continue;
    readable = parsed.value;
    kept = more;
  }
  return readable ?? {};
}

/** The name under which a volume context has the requested size; static volumes have none. */
export const requestedSizeName = "requestedsizegib";

/**
 * The volume context of the node and publish calls: the volume's parameters and the disk's size.
 * `kind` is always `Managed`, as with the V1 driver: the in-tree driver's tools accept no other. A disk that
 * Azure never caches says so: V1 would ask for ReadOnly once it serves the volume.
 */
export function volumeContextOf(
  parameters: Readonly<Record<string, string>>,
  disk: Pick<VolumeParameters, "skuName" | "maxShares"> & Pick<DiskSpec, "sizeGiB">,
): Readonly<Record<string, string>> {
  const mayBeCached = isCacheable(disk);
  const replaced = [requestedSizeName, ...(mayBeCached ? [] : ["cachingmode"])];
  const entries = Object.entries(parameters).filter(([name]) => !replaced.includes(name.toLowerCase()));
  const context = entries.map(
    ([name, value]) => [name, name.toLowerCase() === "kind" ? "Managed" : value] as const,
  );
  return {
    ...Object.fromEntries(context),
    ...(mayBeCached ? {} : { cachingMode: "None" }),
    [requestedSizeName]: String(disk.sizeGiB),
  };
}

/** Reads a file system's name, in any case; an empty one counts as not stated. */
export function parseFileSystemType(
  value: string | undefined,
  field: string,
): Result<FileSystemType | undefined, InvalidArgument> {
  if (value === undefined || value === "") return ok(undefined);
  const read = readValue(table.fsType, value);
  if (!read.ok) return refuseArgument(field, value, read.failure);
  return ok(read.value as FileSystemType);
}

function byLowerCaseName(parameters: Readonly<Record<string, string>>): Result<Given, InvalidArgument> {
  const given = new Map<string, { readonly name: string; readonly value: string }>();
  for (const [name, value] of Object.entries(parameters)) {
    const key = name.toLowerCase();
    const twin = given.get(key);
    if (twin !== undefined)
      return refuseParameter(
        name,
        value,
        `is given twice, also as ${twin.name}: names are compared without case`,
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
  const isAccepted = acceptedNames.some((accepted) => accepted.toLowerCase() === name.toLowerCase());
  if (isAccepted || isDeviceSetting(name)) return undefined;
  return invalidArgument(
    `parameters.${name}`,
    value,
    unknownParameter(name, { allowed: volumeParameterNames, known: acceptedNames }),
  );
}

function stated(given: Given, name: VolumeParameterName | MetadataParameterName): string | undefined {
  const value = given.get(name.toLowerCase())?.value;
  return value === "" ? undefined : value;
}

/** V1 accepts only Azure's spelling of SKUs and caching modes, so this driver does too, with a hint. */
function parseEach(given: Given): Result<Stated, InvalidArgument> {
  const values: (readonly [string, string | number | boolean | undefined])[] = [];
  for (const name of volumeParameterNames) {
    const row: VolumeParameter = table[name];
    const isNumber = row.kind === "count" || row.kind === "number";
    const value = isNumber ? given.get(name.toLowerCase())?.value : stated(given, name);
    const read = value === undefined ? ok(undefined) : readValue(row, value);
    if (!read.ok) return refuseParameter(name, value ?? "", read.failure);
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

/** What parameters state of a disk: each in the field that its row of the table names. */
export function diskFieldsOf(parameters: VolumeParameters): Omit<DiskSpec, "sizeGiB" | "zone"> {
  const stated = Object.entries(parameters).flatMap(([name, value]) => {
    const [part, field] = volumeParameterTable[name as VolumeParameterName].field.split(".");
    return part === "disk" && field !== undefined && value !== undefined ? [[field, value] as const] : [];
  });
  return Object.fromEntries(stated) as Omit<DiskSpec, "sizeGiB" | "zone">;
}

/** The value of a field that parameters state; undefined: absent. */
export function fieldOf(spec: AzVolume["spec"], field: SpecField): unknown {
  const [name, inDisk] = field.split(".");
  return inDisk === undefined ? spec[name as keyof AzVolume["spec"]] : spec.disk[inDisk as keyof DiskSpec];
}
