import type { Lab } from "../../../testbed/lab/lab.ts";

const API_VERSION = "2025-01-02";

/** Names of the VMs that have a disk by the disk's own list in the lab's Azure, sorted. */
export async function vmsOfDisk(lab: Lab, diskUri: string): Promise<readonly string[]> {
  const { managedBy, managedByExtended = [] } = (await lab.azure.call(
    "GET",
    `${diskUri}?api-version=${API_VERSION}`,
  )) as { readonly managedBy?: string; readonly managedByExtended?: readonly string[] };
  const vmUris = new Set([...(managedBy === undefined ? [] : [managedBy]), ...managedByExtended]);
  return [...vmUris].map((uri) => uri.slice(uri.lastIndexOf("/") + 1)).toSorted();
}
