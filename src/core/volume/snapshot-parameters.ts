import { regionName } from "../azure/topology.ts";
import type { FailureOf } from "../failure/failure.ts";
import type { Result } from "../failure/result.ts";
import { fail, ok } from "../failure/result.ts";
import { closestName } from "../primitives/closest-name.ts";
import { type ParameterValue, readValue } from "./parameter-value.ts";
import {
  refusedSnapshotParameters,
  type SnapshotParameterName,
  snapshotMetadataTags,
  snapshotParameterTable,
} from "./snapshot-parameter-table.ts";
import { type Tags, withOwnTags } from "./volume-tags.ts";

/** A VolumeSnapshotClass's parsed parameters. Undefined: not stated, the source decides. */
export interface SnapshotParameters {
  /** Default true. */
  readonly isIncremental: boolean;
  readonly resourceGroup: string | undefined;
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
}

type InvalidArgument = FailureOf<"InvalidArgument">;

const supported = Object.entries(snapshotParameterTable) as readonly (readonly [
  SnapshotParameterName,
  ParameterValue,
])[];

/** SKUs whose snapshots Azure copies in the background: incremental ones only. */
const COPIED_IN_BACKGROUND: readonly string[] = ["PremiumV2_LRS", "UltraSSD_LRS"];

/**
 * Parses VolumeSnapshotClass parameters; `own` are the driver's tags. Names are compared without case; each
 * failure names field, value and what is allowed.
 */
export function parseSnapshotParameters(
  parameters: Readonly<Record<string, string>>,
  own: Tags,
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
    if (row === undefined) return fail(invalid(name, value, refusalOf(name)));
    if (value === "") continue;
    if (stated.has(row[0]))
      return fail(invalid(name, value, "is given twice: names are compared without case"));
    const read = readValue(row[1], value);
    if (!read.ok) return fail(invalid(row[0], value, read.failure));
    stated.set(row[0], String(read.value));
  }
  return resolve(stated, { ...own, ...metadata });
}

/** Checks the parameters against the disk that the snapshot is made of. */
export function checkSnapshotSource(
  { isIncremental, instantAccessMinutes, location }: SnapshotParameters,
  source: { readonly skuName: string; readonly location: string },
): Result<void, InvalidArgument> {
  const isCopied = COPIED_IN_BACKGROUND.includes(source.skuName);
  if (isCopied && !isIncremental)
    return fail(
      invalid("incremental", "false", `must be true: Azure makes no full copy of a ${source.skuName} disk`),
    );
  if (!isCopied && instantAccessMinutes !== undefined)
    return fail(
      invalid(
        "instantAccessDurationMinutes",
        String(instantAccessMinutes),
        `must be left out: the snapshot of a ${source.skuName} disk can be restored at once`,
      ),
    );
  const region = regionName(source.location);
  if (location !== undefined && location !== region)
    return fail(
      invalid(
        "location",
        location,
        `must be ${region}, the disk's: copies to other regions are not supported`,
      ),
    );
  return ok(undefined);
}

function resolve(
  stated: ReadonlyMap<SnapshotParameterName, string>,
  own: Tags,
): Result<SnapshotParameters, InvalidArgument> {
  const valueOf = (name: SnapshotParameterName): string | undefined => stated.get(name);
  const tags = withOwnTags(
    own,
    { tags: valueOf("tags"), tagValueDelimiter: valueOf("tagValueDelimiter") },
    (value) => ok(value),
  );
  if (!tags.ok) return tags;
  const isIncremental = valueOf("incremental") !== "false";
  const subscriptionId = valueOf("subscriptionID");
  if (isIncremental && subscriptionId !== undefined)
    return fail(
      invalid(
        "subscriptionID",
        subscriptionId,
        "needs incremental: false: Azure keeps incremental snapshots in the disk's subscription",
      ),
    );
  if (subscriptionId !== undefined && valueOf("resourceGroup") === undefined)
    return fail(invalid("subscriptionID", subscriptionId, "needs a resourceGroup of that subscription"));
  const minutes = valueOf("instantAccessDurationMinutes");
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
  });
}

function refusalOf(name: string): string {
  const refused = Object.entries(refusedSnapshotParameters);
  const reason = refused.find(([candidate]) => candidate.toLowerCase() === name.toLowerCase())?.[1];
  if (reason !== undefined) return reason;
  const names = supported.map(([candidate]) => candidate);
  const meant = closestName(name, names);
  const hint = meant === undefined ? "." : `; did you mean ${meant}?`;
  return `is no parameter of this driver${hint} Allowed: ${names.join(", ")}`;
}

function invalid(name: string, value: string, problem: string): InvalidArgument {
  return { kind: "InvalidArgument", field: `parameters.${name}`, value, problem };
}
