import { FREEZE_SECONDS_MAX } from "../../api/attachment-bounds.ts";
import { regionName } from "../../azure/topology.ts";
import type { FailureOf } from "../../failure/failure.ts";
import { ok, type Result } from "../../failure/result.ts";
import { isSnapshotCopied } from "../disk-sku.ts";
import { TAG_VALUE_MAX_CHARS } from "../tags/tag-limits.ts";
import { type Tags, withOwnTags } from "../tags/volume-tags.ts";
import { type ParameterValue, readValue, refuseParameter, unknownParameter } from "./parameter-value.ts";
import { volumeParameterTable } from "./volume-parameter-table.ts";

/**
 * The VolumeSnapshotClass parameters that this version supports, in the spelling of the documentation. The
 * parser and docs/reference/volume-snapshot-class.md read the same rows.
 */
export const snapshotParameterTable = {
  incremental: {
    kind: "choice",
    choices: ["true", "false"],
    // V1 makes an incremental snapshot of every text but `false`. False may mean either, and is refused.
    normalize: (value) => (value.toLowerCase() === "true" ? "true" : value),
  },
  resourceGroup: volumeParameterTable.resourceGroup,
  subscriptionID: volumeParameterTable.subscriptionID,
  location: volumeParameterTable.location,
  tags: { kind: "text" },
  tagValueDelimiter: { kind: "text" },
  dataAccessAuthMode: { kind: "choice", choices: ["None", "AzureActiveDirectory"] },
  networkAccessPolicy: { kind: "choice", choices: ["AllowAll", "DenyAll"] },
  publicNetworkAccess: { kind: "choice", choices: ["Enabled", "Disabled"] },
  fileSystemFreezeSeconds: { kind: "count", min: 5, max: FREEZE_SECONDS_MAX },
  instantAccessDurationMinutes: { kind: "count", min: 60, max: 300 },
  userAgent: volumeParameterTable.userAgent,
} as const satisfies Readonly<Record<string, ParameterValue>>;

export type SnapshotParameterName = keyof typeof snapshotParameterTable;

/**
 * What csi-snapshotter adds with `--extra-create-metadata`, and the tag of the snapshot that it becomes.
 * Azure has no use for the name of the VolumeSnapshotContent: it is in `status`.
 */
export const snapshotMetadataTags: Readonly<Record<string, string | undefined>> = {
  "csi.storage.k8s.io/volumesnapshot/name": "kubernetes.io-created-for-snapshot-name",
  "csi.storage.k8s.io/volumesnapshot/namespace": "kubernetes.io-created-for-snapshot-namespace",
  "csi.storage.k8s.io/volumesnapshotcontent/name": undefined,
};

/** A VolumeSnapshotClass's parsed parameters. Undefined: not stated, the source decides. */
export interface SnapshotParameters {
  /** Default true. */
  readonly isIncremental: boolean;
  readonly resourceGroup: string | undefined;
  /** Never the disk's. */
  readonly subscriptionId: string | undefined;
  /** Azure region such as `eastus`: lower case, no spaces. */
  readonly location: string | undefined;
  /** Those of the class, and those that state the snapshot's purpose. */
  readonly tags: Tags;
  readonly dataAccessAuthMode: string | undefined;
  /** Default DenyAll. */
  readonly networkAccessPolicy: string;
  /** Default Disabled. */
  readonly publicNetworkAccess: string;
  readonly instantAccessMinutes: number | undefined;
  /** What the call that makes it adds to its User-Agent. */
  readonly userAgent: string | undefined;
  /** How long the file system may be frozen for it, in seconds; undefined: not at all. */
  readonly freezeSeconds: number | undefined;
}

type InvalidArgument = FailureOf<"InvalidArgument">;

const supported = Object.entries(snapshotParameterTable) as readonly (readonly [
  SnapshotParameterName,
  ParameterValue,
])[];

interface SnapshotOwn {
  /** The driver's tags. */
  readonly tags: Tags;
  /** The subscription of the disk. */
  readonly subscriptionId: string;
}

/**
 * Parses VolumeSnapshotClass parameters. Names are compared without case; each failure names field, value and
 * what is allowed.
 */
export function parseSnapshotParameters(
  parameters: Readonly<Record<string, string>>,
  own: SnapshotOwn,
): Result<SnapshotParameters, InvalidArgument> {
  const stated = new Map<SnapshotParameterName, string>();
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(parameters)) {
    if (Object.hasOwn(snapshotMetadataTags, name)) {
      const tag = snapshotMetadataTags[name];
      if (tag !== undefined && value !== "") metadata[tag] = value;
      continue;
    }
    const row = supported.find(([candidate]) => candidate.toLowerCase() === name.toLowerCase());
    if (row === undefined) {
      const allowed = supported.map(([candidate]) => candidate);
      return refuseParameter(name, value, unknownParameter(name, { allowed }));
    }
    if (value === "") continue;
    if (stated.has(row[0]))
      return refuseParameter(name, value, "is given twice: names are compared without case");
    const read = readValue(row[1], value);
    if (!read.ok) return refuseParameter(row[0], value, read.failure);
    stated.set(row[0], String(read.value));
  }
  return resolve(stated, { ...own, tags: { ...own.tags, ...metadata } });
}

/** Where a snapshot or a disk is, or is to be. */
export interface SnapshotPlace {
  /** The region. */
  readonly location: string;
  /** Of the region, by name; absent: it is in the region itself. */
  readonly edgeZone?: string;
}

/**
 * Checks the parameters against the disk that the snapshot is made of, and says where it is to be: where the
 * disk is, or in another region (`isCopy`).
 */
export function placeSnapshot(
  { isIncremental, instantAccessMinutes, freezeSeconds, location }: SnapshotParameters,
  source: SnapshotPlace & { readonly diskUri: string; readonly skuName: string },
): Result<SnapshotPlace & { readonly isCopy: boolean }, InvalidArgument> {
  const isCopied = isSnapshotCopied(source.skuName);
  if (isCopied && !isIncremental)
    return refuseParameter(
      "incremental",
      "false",
      `must be true: Azure makes no full copy of a ${source.skuName} disk`,
    );
  if (!isCopied && instantAccessMinutes !== undefined)
    return refuseParameter(
      "instantAccessDurationMinutes",
      String(instantAccessMinutes),
      `must be left out: the snapshot of a ${source.skuName} disk can be restored at once`,
    );
  const region = regionName(source.location);
  if (location === undefined || location === region) return ok({ ...placeOf(source), isCopy: false });
  if (!isIncremental)
    return refuseParameter(
      "incremental",
      "false",
      `must be true: only incremental snapshots are copied to ${location}`,
    );
  if (instantAccessMinutes !== undefined)
    return refuseParameter(
      "instantAccessDurationMinutes",
      String(instantAccessMinutes),
      `must be left out: a copy in ${location} is ready when it has ended`,
    );
  if (freezeSeconds !== undefined)
    return refuseParameter(
      "fileSystemFreezeSeconds",
      String(freezeSeconds),
      `must be left out with location: only a snapshot in the disk's region, ${region}, is taken of a ` +
        "frozen file system",
    );
  if (source.diskUri.length > TAG_VALUE_MAX_CHARS)
    return refuseParameter(
      "location",
      location,
      `must be ${region}, the disk's: a copy names its disk in a tag of at most ${TAG_VALUE_MAX_CHARS} ` +
        `characters, and this disk's id has ${source.diskUri.length}`,
    );
  return ok({ location, isCopy: true });
}

/** The place alone of what is there. */
export function placeOf({ location, edgeZone }: SnapshotPlace): SnapshotPlace {
  return { location, ...(edgeZone === undefined ? {} : { edgeZone }) };
}

function resolve(
  stated: ReadonlyMap<SnapshotParameterName, string>,
  own: SnapshotOwn,
): Result<SnapshotParameters, InvalidArgument> {
  const valueOf = (name: SnapshotParameterName): string | undefined => stated.get(name);
  const tags = withOwnTags(
    { names: own.tags, later: laterTags(valueOf) },
    { tags: valueOf("tags"), tagValueDelimiter: valueOf("tagValueDelimiter") },
    (value) => ok(value),
  );
  if (!tags.ok) return tags;
  const isIncremental = valueOf("incremental") !== "false";
  const subscriptionId = otherSubscription(valueOf("subscriptionID"), own.subscriptionId);
  if (isIncremental && subscriptionId !== undefined)
    return refuseParameter(
      "subscriptionID",
      subscriptionId,
      `needs incremental: false, or the disk's own, ${own.subscriptionId}: Azure keeps incremental ` +
        "snapshots there",
    );
  if (subscriptionId !== undefined && valueOf("resourceGroup") === undefined)
    return refuseParameter("subscriptionID", subscriptionId, "needs a resourceGroup of that subscription");
  const minutes = valueOf("instantAccessDurationMinutes");
  const freezeSeconds = valueOf("fileSystemFreezeSeconds");
  return ok({
    isIncremental,
    resourceGroup: valueOf("resourceGroup"),
    subscriptionId,
    location: valueOf("location"),
    tags: tags.value,
    dataAccessAuthMode: valueOf("dataAccessAuthMode"),
    networkAccessPolicy: valueOf("networkAccessPolicy") ?? "DenyAll",
    publicNetworkAccess: valueOf("publicNetworkAccess") ?? "Disabled",
    instantAccessMinutes: minutes === undefined ? undefined : Number(minutes),
    freezeSeconds: freezeSeconds === undefined ? undefined : Number(freezeSeconds),
    userAgent: valueOf("userAgent"),
  });
}

/**
 * How many tags a snapshot gets besides: its freeze, and that this has held; as a copy in another region, the
 * moment of its content, and before that, as its source, the copy's name.
 */
function laterTags(valueOf: (name: SnapshotParameterName) => string | undefined): number {
  if (valueOf("fileSystemFreezeSeconds") !== undefined) return 2;
  return valueOf("location") === undefined ? 0 : 1;
}

/** The disk's own subscription is where a snapshot is anyway. */
function otherSubscription(stated: string | undefined, own: string): string | undefined {
  return stated?.toLowerCase() === own.toLowerCase() ? undefined : stated;
}
