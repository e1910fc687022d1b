import { isObject, type Json, type JsonObject } from "./json.ts";

/** A member of a resource, such as `properties.storageProfile.dataDisks[].detachOption`. */
interface Field {
  readonly path: string;
  /** The first API version that has it. */
  readonly since: string;
}

/**
 * Conditional writes came with ETags; `etag` stands for the member, the answer's header and `If-Match` alike.
 */
const ETAG = { path: "etag", since: "2024-03-01" };

/**
 * From the models of the official SDKs, one for each version. Their packages lack some versions: a field then
 * has the version between two of them in which it was announced.
 */
const INSTANCE_FIELDS: readonly Field[] = [
  ETAG,
  { path: "properties.storageProfile.diskControllerType", since: "2022-08-01" },
  { path: "properties.storageProfile.dataDisks[].detachOption", since: "2021-03-01" },
  { path: "properties.storageProfile.dataDisks[].deleteOption", since: "2021-03-01" },
  { path: "properties.storageProfile.dataDisks[].toBeDetached", since: "2019-03-01" },
];
const VM_FIELDS: readonly Field[] = [
  ...INSTANCE_FIELDS,
  { path: "properties.timeCreated", since: "2021-11-01" },
];
const ACCESS_FIELDS: readonly Field[] = [
  { path: "properties.networkAccessPolicy", since: "2020-05-01" },
  { path: "properties.diskAccessId", since: "2020-05-01" },
  { path: "properties.publicNetworkAccess", since: "2021-08-01" },
  { path: "properties.completionPercent", since: "2021-08-01" },
  { path: "properties.dataAccessAuthMode", since: "2021-12-01" },
];
const DISK_FIELDS: readonly Field[] = [
  { path: "managedByExtended", since: "2019-11-01" },
  { path: "properties.shareInfo", since: "2019-11-01" },
  { path: "properties.maxShares", since: "2019-11-01" },
  { path: "properties.diskIOPSReadOnly", since: "2019-11-01" },
  { path: "properties.diskMBpsReadOnly", since: "2019-11-01" },
  ...ACCESS_FIELDS,
  { path: "properties.tier", since: "2020-06-30" },
  { path: "properties.creationData.logicalSectorSize", since: "2020-06-30" },
  { path: "properties.burstingEnabled", since: "2020-09-30" },
  { path: "properties.propertyUpdatesInProgress", since: "2020-12-01" },
  { path: "properties.burstingEnabledTime", since: "2022-07-02" },
  { path: "properties.creationData.performancePlus", since: "2022-07-02" },
  { path: "properties.optimizedForFrequentAttach", since: "2022-07-02" },
  { path: "properties.LastOwnershipUpdateTime", since: "2023-04-02" },
  { path: "properties.availabilityPolicy", since: "2025-01-02" },
];
const SNAPSHOT_FIELDS: readonly Field[] = [
  ...ACCESS_FIELDS,
  { path: "properties.copyCompletionError", since: "2022-03-02" },
  { path: "properties.incrementalSnapshotFamilyId", since: "2022-03-02" },
  { path: "properties.creationData.instantAccessDurationMinutes", since: "2025-01-02" },
  { path: "properties.snapshotAccessState", since: "2025-01-02" },
];

const BY_OPERATIONS: Readonly<Record<string, readonly Field[]>> = {
  VirtualMachines: VM_FIELDS,
  VirtualMachineScaleSetVMs: INSTANCE_FIELDS,
  VirtualMachineScaleSets: [ETAG],
  Disks: DISK_FIELDS,
  Snapshots: SNAPSHOT_FIELDS,
};
const BY_TYPE: Readonly<Record<string, readonly Field[]>> = {
  "Microsoft.Compute/virtualMachines": VM_FIELDS,
  "Microsoft.Compute/virtualMachineScaleSets/virtualMachines": INSTANCE_FIELDS,
  "Microsoft.Compute/virtualMachineScaleSets": [ETAG],
  "Microsoft.Compute/disks": DISK_FIELDS,
  "Microsoft.Compute/snapshots": SNAPSHOT_FIELDS,
};

/** From this version on there is nothing to leave out. */
const COMPLETE_SINCE = Object.values(BY_TYPE)
  .flat()
  .reduce((newest, { since }) => (since > newest ? since : newest), "");

/**
 * A request's body without the fields that its version lacks. Inferred: Azure does not obey them. Those of a
 * VM's disks it refuses before.
 */
export function requestInVersion(
  body: Json | undefined,
  operation: string,
  apiVersion: string,
): Json | undefined {
  return inVersion(body, fieldsOf(operation), apiVersion);
}

/** The paths of the fields that a version lacks, but for ETags, which Resource Manager reads itself. */
export function fieldsMissingIn(operation: string, apiVersion: string): readonly string[] {
  return fieldsOf(operation)
    .filter((field) => field !== ETAG && apiVersion < field.since)
    .map(({ path }) => path);
}

/** Whether the version of a call knows ETags. */
export function hasEtags(operation: string, apiVersion: string): boolean {
  return !fieldsOf(operation).includes(ETAG) || apiVersion >= ETAG.since;
}

/**
 * An answer without the fields that its version lacks: of a resource, of a list, and of the result in an
 * operation's status.
 */
export function answerInVersion(
  body: Json | undefined,
  operation: string,
  apiVersion: string,
): Json | undefined {
  if (!isObject(body) || apiVersion >= COMPLETE_SINCE) return body;
  const { value, properties } = body;
  if (Array.isArray(value))
    return {
      ...body,
      value: value.map((each) => inVersion(each, typeFields(each, operation), apiVersion) ?? null),
    };
  const output = isObject(properties) ? properties["output"] : undefined;
  if (isObject(properties) && isObject(output)) {
    const shown = inVersion(output, typeFields(output, operation), apiVersion);
    return { ...body, properties: { ...properties, output: shown } };
  }
  return inVersion(body, typeFields(body, operation), apiVersion);
}

/** The operation's group names its resource: `Disks_Get`. */
function fieldsOf(operation: string): readonly Field[] {
  return BY_OPERATIONS[operation.split("_")[0] ?? ""] ?? [];
}

/** What an operation under way returns has no type yet. */
function typeFields(resource: Json | undefined, operation: string): readonly Field[] {
  const type = isObject(resource) ? resource["type"] : undefined;
  return (typeof type === "string" ? BY_TYPE[type] : undefined) ?? fieldsOf(operation);
}

function inVersion(body: Json | undefined, fields: readonly Field[], apiVersion: string): Json | undefined {
  return fields
    .filter(({ since }) => apiVersion < since)
    .reduce((kept: Json | undefined, { path }) => withoutField(kept, path.split(".")), body);
}

function withoutField(value: Json | undefined, path: readonly string[]): Json | undefined {
  const [first, ...rest] = path;
  if (!isObject(value) || first === undefined) return value;
  const name = first.replace("[]", "");
  if (!Object.hasOwn(value, name)) return value;
  const { [name]: member, ...others } = value;
  if (rest.length === 0) return others satisfies JsonObject;
  const kept = Array.isArray(member)
    ? member.map((each) => withoutField(each, rest) ?? null)
    : withoutField(member, rest);
  return { ...value, [name]: kept };
}
