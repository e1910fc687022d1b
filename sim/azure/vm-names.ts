import { formatDiskUri } from "../../src/core/azure/disk-uri.ts";
import { formatInstanceUri } from "../../src/core/azure/instance-uri.ts";

/** The location of everything in the simulated Azure. */
export const azurePlace = {
  subscriptionId: "00000000-0000-0000-0000-000000000001",
  resourceGroup: "rg",
  location: "eastus",
} as const;

/** The default prefix of VM names. */
const VM_PREFIX = "flex";

/**
 * The name of the `nth` VM of a node's name, from 1. It always differs from the node's name: a driver that
 * confuses the two finds nothing. `SimAzure` reports which VM has the name now. `prefix`: letters that
 * distinguish the VMs of two clusters whose nodes may share names.
 */
export function vmNameOf(nodeName: string, nth = 1, prefix = VM_PREFIX): string {
  return `${prefix}${nth === 1 ? "" : nth}_${nodeName}`;
}

/** The node whose name the VM has in its cluster, or had before another VM took it. */
export function nodeNameOfVm(vmName: string): string {
  return vmName.replace(/^[a-z]+\d*_/u, "");
}

/** The resource id of the `nth` VM of a node's name, from 1. */
export function instanceUriOf(nodeName: string, nth = 1, prefix = VM_PREFIX): string {
  return formatInstanceUri({
    ...azurePlace,
    scaleSetName: undefined,
    instanceName: vmNameOf(nodeName, nth, prefix),
  });
}

/** The resource id of a disk. */
export function diskUriOf(diskName: string): string {
  return formatDiskUri({ ...azurePlace, diskName });
}
