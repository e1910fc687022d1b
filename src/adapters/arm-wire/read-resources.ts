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
import { list, number, object, optionalNumber, optionalText, text, texts, type Wire } from "./wire-values.ts";

/** Reads a disk as ARM writes it. */
export function readDiskResource(body: unknown): ArmDisk {
  const disk = object(body);
  const properties = object(disk["properties"]);
  const managedBy = optionalText(disk["managedBy"]);
  const creation = object(properties["creationData"]);
  return {
    id: text(disk["id"]),
    name: text(disk["name"]),
    location: text(disk["location"]),
    zones: texts(disk["zones"]),
    tags: object(disk["tags"]) as Readonly<Record<string, string>>,
    skuName: text(object(disk["sku"])["name"]),
    diskSizeGB: number(properties["diskSizeGB"], 0),
    maxShares: number(properties["maxShares"], 1),
    diskIOPSReadWrite: optionalNumber(properties["diskIOPSReadWrite"]),
    diskMBpsReadWrite: optionalNumber(properties["diskMBpsReadWrite"]),
    networkAccessPolicy: optionalText(properties["networkAccessPolicy"]),
    publicNetworkAccess: optionalText(properties["publicNetworkAccess"]),
    diskAccessId: optionalText(properties["diskAccessId"]),
    completionPercent: optionalNumber(properties["completionPercent"]),
    provisioningState: text(properties["provisioningState"]),
    diskState: optionalText(properties["diskState"]),
    managedBy: managedBy === undefined ? undefined : canonicalInstanceUri(managedBy),
    managedByExtended: texts(disk["managedByExtended"]).map(canonicalInstanceUri),
    uniqueId: optionalText(properties["uniqueId"]),
    sourceId: optionalText(creation["sourceResourceId"]),
    logicalSectorSize: optionalNumber(creation["logicalSectorSize"]),
    burstingEnabled: properties["burstingEnabled"] === true,
  };
}

/** Reads a snapshot as ARM writes it. */
export function readSnapshotResource(body: unknown): ArmSnapshot {
  const snapshot = object(body);
  const properties = object(snapshot["properties"]);
  const creation = object(properties["creationData"]);
  return {
    id: text(snapshot["id"]),
    name: text(snapshot["name"]),
    location: text(snapshot["location"]),
    tags: object(snapshot["tags"]) as Readonly<Record<string, string>>,
    skuName: text(object(snapshot["sku"])["name"]),
    diskSizeGB: number(properties["diskSizeGB"], 0),
    diskSizeBytes: optionalNumber(properties["diskSizeBytes"]),
    incremental: properties["incremental"] === true,
    sourceId: text(creation["sourceResourceId"]),
    sourceUniqueId: optionalText(creation["sourceUniqueId"]),
    logicalSectorSize: optionalNumber(creation["logicalSectorSize"]),
    timeCreated: text(properties["timeCreated"]),
    provisioningState: text(properties["provisioningState"]),
    completionPercent: optionalNumber(properties["completionPercent"]),
    accessState: optionalText(properties["snapshotAccessState"]),
    copyError: copyErrorOf(object(properties["copyCompletionError"])),
  };
}

function copyErrorOf(error: Wire): string | undefined {
  const parts = [optionalText(error["errorCode"]), optionalText(error["errorMessage"])];
  return optionalText(parts.filter((part) => part !== undefined).join(": "));
}

/** An entry of Azure's list of SKUs: sizes of VMs, disks, and more. */
interface Sku extends ArmVmSize {
  readonly resourceType: string;
}

/** Reads a SKU as ARM writes it: its capabilities are pairs of strings. */
export function readSku(body: unknown): Sku {
  const { resourceType, name, capabilities } = object(body);
  const limit = (Array.isArray(capabilities) ? capabilities.map(object) : []).find(
    (capability) => capability["name"] === "MaxDataDiskCount",
  );
  return {
    resourceType: text(resourceType),
    name: text(name),
    dataDisksMax: Number.parseInt(text(limit?.["value"]), 10) || 0,
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

/** The sizes of VMs among SKUs. */
export function vmSizesAmong(answer: ArmAnswer<readonly Sku[]>): ArmAnswer<readonly ArmVmSize[]> {
  if (!answer.result.ok) return { ...answer, result: answer.result };
  const sizes = answer.result.value
    .filter(({ resourceType }) => resourceType === "virtualMachines")
    .map(({ name, dataDisksMax }) => ({ name, dataDisksMax }));
  return { ...answer, result: ok(sizes) };
}

/** Reads a VM as ARM writes it. */
export function readVmResource(body: unknown): ArmVm {
  const vm = object(body);
  const properties = object(vm["properties"]);
  const storage = object(properties["storageProfile"]);
  const view = properties["instanceView"];
  return {
    id: canonicalInstanceUri(text(vm["id"])),
    name: text(vm["name"]),
    location: text(vm["location"]),
    zones: texts(vm["zones"]),
    tags: object(vm["tags"]) as Readonly<Record<string, string>>,
    etag: text(vm["etag"]),
    vmId: text(properties["vmId"]).toLowerCase(),
    // An instance of a uniform scale set names its size in `sku` only.
    vmSize: text(object(properties["hardwareProfile"])["vmSize"] ?? object(vm["sku"])["name"]),
    provisioningState: text(properties["provisioningState"]),
    diskControllerType: optionalText(storage["diskControllerType"]),
    dataDisks: list(storage["dataDisks"]) as readonly ArmDataDisk[],
    statusCodes: view === undefined ? undefined : codesOf(object(view)["statuses"]),
    agentStatusCodes: view === undefined ? undefined : codesOf(object(object(view)["vmAgent"])["statuses"]),
  };
}

function codesOf(statuses: unknown): readonly string[] {
  return list(statuses).map((status) => text(object(status)["code"]));
}

/** The items of a page, and where the next one is. */
export function readPage<T>(
  body: unknown,
  readItem: (item: unknown) => T,
): { readonly items: readonly T[]; readonly nextLink: string | undefined } {
  return {
    items: list(object(body)["value"]).map(readItem),
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
  const output = object(properties)["output"];
  return {
    status: text(status),
    error,
    end: {
      ...(durationMs >= 0 ? { durationMs } : {}),
      ...(text(object(output)["type"]).toLowerCase() === "microsoft.compute/disks"
        ? { disk: readDiskResource(output) }
        : {}),
    },
  };
}
