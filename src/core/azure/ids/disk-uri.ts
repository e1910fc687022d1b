import { parseArmId } from "./arm-id.ts";
import { canonicalInstanceUri } from "./instance-uri.ts";

/** The parts of a managed disk's resource URI, as the caller spelled them. */
export interface DiskUriParts {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly diskName: string;
}

/** The parts of a managed disk's URI, undefined if `uri` is something else. */
export function parseDiskUri(uri: string): DiskUriParts | undefined {
  const id = parseArmId(uri);
  if (id?.type !== "disks") return undefined;
  return { subscriptionId: id.subscriptionId, resourceGroup: id.resourceGroup, diskName: id.name };
}

/** The URI of a managed disk in Azure's spelling. */
export function formatDiskUri(parts: DiskUriParts): string {
  return `/subscriptions/${parts.subscriptionId}/resourceGroups/${parts.resourceGroup}/providers/Microsoft.Compute/disks/${parts.diskName}`;
}

/**
 * The index key of a resource: Azure compares URIs without case and without a slash at the end, may return
 * them in another case, and has two spellings of a uniform scale set's instances.
 */
export function resourceUriKey(uri: string): string {
  const lower = (uri.endsWith("/") ? uri.slice(0, -1) : uri).toLowerCase();
  // Nearly all are of disks and VMs of their own.
  return lower.includes("/virtualmachinescalesets/") ? canonicalInstanceUri(lower).toLowerCase() : lower;
}

/** Whether two URIs mean the same Azure resource. */
export function isSameResourceUri(left: string, right: string): boolean {
  // Nearly all are spelled alike.
  return left === right || resourceUriKey(left) === resourceUriKey(right);
}
