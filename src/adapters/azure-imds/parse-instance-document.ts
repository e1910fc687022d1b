import { canonicalInstanceUri } from "../../core/azure/ids/instance-uri.ts";
import { isRecord } from "../../core/primitives/is-record.ts";
import type { InstanceMetadata } from "../../ports/cloud/instance-metadata.ts";

/**
 * Reads the document of `GET /metadata/instance` (version 2021-12-13); undefined if it is none. Every
 * primitive in it is a text, and what a VM does not have is empty. By hand: the node role never loads a
 * schema library.
 */
export function parseInstanceDocument(document: unknown): InstanceMetadata | undefined {
  const compute = member(document, "compute");
  const vmId = textOf(compute, "vmId")?.toLowerCase();
  const location = textOf(compute, "location")?.toLowerCase();
  if (vmId === undefined || vmId === "" || location === undefined) return undefined;
  const dataDisks = member(member(compute, "storageProfile"), "dataDisks");
  return {
    vmId,
    resourceId: canonicalInstanceUri(textOf(compute, "resourceId") ?? ""),
    location,
    zone: textOf(compute, "zone") ?? "",
    vmSize: textOf(compute, "vmSize") ?? "",
    dataDisks: Array.isArray(dataDisks) ? dataDisks.map(parseDataDisk) : [],
  };
}

function parseDataDisk(disk: unknown): InstanceMetadata["dataDisks"][number] {
  const diskUri = textOf(member(disk, "managedDisk"), "id");
  return { diskUri: diskUri === "" ? undefined : diskUri, lun: Number(textOf(disk, "lun") ?? Number.NaN) };
}

function member(value: unknown, name: string): unknown {
  return isRecord(value) ? value[name] : undefined;
}

function textOf(value: unknown, name: string): string | undefined {
  const text = member(value, name);
  return typeof text === "string" ? text : undefined;
}
