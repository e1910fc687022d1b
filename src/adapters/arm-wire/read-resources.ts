import { canonicalInstanceUri } from "../../core/azure/ids/instance-uri.ts";
import { ok } from "../../core/failure/result.ts";
import type {
  ArmAnswer,
  ArmDataDisk,
  ArmDisk,
  ArmOperationEnd,
  ArmSnapshot,
  ArmUsage,
  ArmVm,
  ArmVmSize,
} from "../../provisioner/arm/arm-api.ts";
import {
  guid,
  list,
  object,
  optionalCount,
  optionalList,
  optionalNumber,
  optionalText,
  required,
  text,
  textMap,
  texts,
  unlessMalformed,
  type Wire,
} from "./wire-values.ts";

function idOf(resource: Wire): string {
  return required("id", optionalText(resource["id"]));
}

/** And a state, which other members are to be read by. */
function stateOf(properties: Wire): string {
  return required("provisioningState", optionalText(properties["provisioningState"]));
}

export function readDiskResource(body: unknown): ArmDisk {
  const disk = object(body);
  const properties = object(disk["properties"]);
  const managedBy = optionalText(disk["managedBy"]);
  const creation = object(properties["creationData"]);
  return {
    id: idOf(disk),
    name: text(disk["name"]),
    location: text(disk["location"]),
    zones: texts(disk["zones"]),
    ...edgeZoneOf(disk),
    tags: textMap(disk["tags"]),
    skuName: required("sku", optionalText(object(disk["sku"])["name"])),
    diskSizeGB: optionalCount(properties["diskSizeGB"]) ?? 0,
    diskSizeBytes: optionalCount(properties["diskSizeBytes"]),
    maxShares: optionalCount(properties["maxShares"]) ?? 1,
    diskIOPSReadWrite: optionalCount(properties["diskIOPSReadWrite"]),
    diskMBpsReadWrite: optionalCount(properties["diskMBpsReadWrite"]),
    networkAccessPolicy: optionalText(properties["networkAccessPolicy"]),
    publicNetworkAccess: optionalText(properties["publicNetworkAccess"]),
    diskAccessId: optionalText(properties["diskAccessId"]),
    completionPercent: optionalNumber(properties["completionPercent"]),
    provisioningState: stateOf(properties),
    managedBy: managedBy === undefined ? undefined : canonicalInstanceUri(managedBy),
    managedByExtended: texts(disk["managedByExtended"]).map(canonicalInstanceUri),
    uniqueId: optionalText(properties["uniqueId"]),
    timeCreated: optionalText(properties["timeCreated"]),
    sourceId: optionalText(creation["sourceResourceId"]),
    sourceUniqueId: optionalText(creation["sourceUniqueId"]),
    logicalSectorSize: optionalCount(creation["logicalSectorSize"]),
    burstingEnabled: properties["burstingEnabled"] === true,
  };
}

export function readSnapshotResource(body: unknown): ArmSnapshot {
  const snapshot = object(body);
  const properties = object(snapshot["properties"]);
  const creation = object(properties["creationData"]);
  return {
    id: idOf(snapshot),
    name: text(snapshot["name"]),
    location: text(snapshot["location"]),
    ...edgeZoneOf(snapshot),
    tags: textMap(snapshot["tags"]),
    diskSizeGB: optionalCount(properties["diskSizeGB"]) ?? 0,
    diskSizeBytes: optionalCount(properties["diskSizeBytes"]),
    incremental: properties["incremental"] === true,
    sourceId: text(creation["sourceResourceId"]),
    sourceUniqueId: optionalText(creation["sourceUniqueId"]),
    logicalSectorSize: optionalCount(creation["logicalSectorSize"]),
    timeCreated: text(properties["timeCreated"]),
    provisioningState: stateOf(properties),
    completionPercent: optionalNumber(properties["completionPercent"]),
    accessState: optionalText(properties["snapshotAccessState"]),
    copyError: copyErrorOf(object(properties["copyCompletionError"])),
  };
}

function edgeZoneOf(resource: Wire): { readonly edgeZone?: string } {
  const edgeZone = optionalText(object(resource["extendedLocation"])["name"]);
  return edgeZone === undefined || edgeZone === "" ? {} : { edgeZone };
}

function copyErrorOf(error: Wire): string | undefined {
  const parts = [optionalText(error["errorCode"]), optionalText(error["errorMessage"])];
  return optionalText(parts.filter((part) => part !== undefined).join(": "));
}

/** An entry of Azure's list of SKUs: sizes of VMs, disks, and more. */
interface Sku {
  readonly resourceType: string;
  readonly name: string;
  /** Undefined: it states none. */
  readonly dataDisksMax: number | undefined;
}

/** Reads a SKU as ARM writes it: its capabilities are pairs of strings. */
export function readSku(body: unknown): Sku {
  const { resourceType, name, capabilities } = object(body);
  const limit = list(capabilities)
    .map(object)
    .find((capability) => capability["name"] === "MaxDataDiskCount");
  const count = text(limit?.["value"]);
  return {
    resourceType: text(resourceType),
    name: text(name),
    dataDisksMax: /^\d+$/.test(count) ? Number(count) : undefined,
  };
}

/** Reads an entry of the list of usages as ARM writes it. */
export function readUsage(body: unknown): ArmUsage {
  const { name, currentValue, limit } = object(body);
  return {
    name: text(object(name)["value"]),
    current: optionalNumber(currentValue) ?? 0,
    limit: optionalNumber(limit) ?? 0,
  };
}

export function vmSizesAmong(answer: ArmAnswer<readonly Sku[]>): ArmAnswer<readonly ArmVmSize[]> {
  if (!answer.result.ok) return { ...answer, result: answer.result };
  const sizes = answer.result.value
    .filter(({ resourceType }) => resourceType === "virtualMachines")
    .flatMap(({ name, dataDisksMax }) => (dataDisksMax === undefined ? [] : [{ name, dataDisksMax }]));
  return { ...answer, result: ok(sizes) };
}

/** Reads a VM as ARM writes it. */
export function readVmResource(body: unknown): ArmVm {
  const vm = object(body);
  const properties = object(vm["properties"]);
  const storage = object(properties["storageProfile"]);
  const view = properties["instanceView"];
  return {
    id: canonicalInstanceUri(idOf(vm)),
    name: text(vm["name"]),
    location: text(vm["location"]),
    zones: texts(vm["zones"]),
    ...edgeZoneOf(vm),
    tags: textMap(vm["tags"]),
    etag: text(vm["etag"]),
    vmId: guid(properties["vmId"]),
    // Some answers name the size of a uniform scale set's instance in `sku` only.
    vmSize: text(object(properties["hardwareProfile"])["vmSize"] ?? object(vm["sku"])["name"]),
    provisioningState: stateOf(properties),
    diskControllerType: optionalText(storage["diskControllerType"]),
    // Empty where the VM has none. Without it, a write of the list would detach every disk.
    dataDisks: required("dataDisks", optionalList(storage["dataDisks"])).map(readDataDisk),
    statusCodes: view === undefined ? undefined : codesOf(object(view)["statuses"]),
    agentStatusCodes: view === undefined ? undefined : codesOf(object(object(view)["vmAgent"])["statuses"]),
  };
}

/**
 * Checks what the driver reads of an entry: all others travel with it, but for the performance of its disk.
 * Azure shows that, and refuses it of a VM that is no instance (azuredisk-csi-driver#3403), or once the disk
 * has another.
 */
function readDataDisk(entry: unknown): ArmDataDisk {
  const { diskIOPSReadWrite: _iops, diskMBpsReadWrite: _mbps, ...disk } = object(entry);
  required("lun", optionalCount(disk["lun"]));
  optionalText(object(disk["managedDisk"])["id"]);
  for (const name of ["name", "deleteOption"]) optionalText(disk[name]);
  return disk as unknown as ArmDataDisk;
}

function codesOf(statuses: unknown): readonly string[] {
  return list(statuses).map((status) => text(object(status)["code"]));
}

export function readPage<T>(
  body: unknown,
  readItem: (item: unknown) => T,
): { readonly items: readonly T[]; readonly nextLink: string | undefined } {
  return {
    items: required("value", optionalList(object(body)["value"])).map(readItem),
    nextLink: optionalText(object(body)["nextLink"]),
  };
}

/** The parsed body of a long-running operation's status. */
export function readOperationStatus(body: unknown): {
  readonly status: string;
  readonly error: unknown;
  readonly end: ArmOperationEnd;
} {
  const { status, error, startTime, endTime, properties } = object(body);
  const durationMs = Date.parse(text(endTime)) - Date.parse(text(startTime));
  const disk = unlessMalformed(() => readOutput(object(properties)["output"]));
  return {
    status: text(status),
    error,
    end: { ...(durationMs >= 0 ? { durationMs } : {}), ...(disk === undefined ? {} : { disk }) },
  };
}

/** The disk in what an operation has left. */
function readOutput(output: unknown): ArmDisk | undefined {
  const { type } = object(output);
  return text(type).toLowerCase() === "microsoft.compute/disks" ? readDiskResource(output) : undefined;
}
