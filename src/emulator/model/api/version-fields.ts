import { isObject, type Json, withoutPath } from "./json.ts";
import { ETAG, type Field, VERSION_TABLE } from "./version-table.ts";

/** By the first part of an operation's name. */
const BY_OPERATIONS: Readonly<Record<string, readonly Field[]>> = {
  AvailabilitySets: VERSION_TABLE.availabilitySets,
  DiskAccesses: VERSION_TABLE.diskAccesses,
  DiskEncryptionSets: VERSION_TABLE.diskEncryptionSets,
  Disks: VERSION_TABLE.disks,
  Snapshots: VERSION_TABLE.snapshots,
  VirtualMachines: VERSION_TABLE.virtualMachines,
  VirtualMachineScaleSets: VERSION_TABLE.virtualMachineScaleSets,
  VirtualMachineScaleSetVMs: VERSION_TABLE["virtualMachineScaleSets/virtualMachines"],
};
const BY_TYPE: Readonly<Record<string, readonly Field[]>> = Object.fromEntries(
  Object.entries(VERSION_TABLE).map(([type, fields]) => [`Microsoft.Compute/${type}`, fields]),
);

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
  return fields.reduce(
    (kept: Json | undefined, { steps, since }) => (apiVersion < since ? withoutPath(kept, steps) : kept),
    body,
  );
}
