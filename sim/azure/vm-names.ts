import { formatDiskUri } from "../../src/core/azure/disk-uri.ts";
import { formatInstanceUri } from "../../src/core/azure/instance-uri.ts";

/** Where all that is in the simulated Azure lies. */
export const azurePlace = {
  subscriptionId: "00000000-0000-0000-0000-000000000001",
  resourceGroup: "rg",
  location: "eastus",
} as const;

/** How the names of VMs begin, where nothing else is said. */
const VM_PREFIX = "flex";

/**
 * The name of the `nth` VM of a node's name, from 1. It is never the node's: a driver that takes the one for
 * the other finds nothing. Which of them has the name at this moment, `SimAzure` says. `prefix`: letters that
 * tell the VMs of two clusters apart, whose nodes may have one name.
 */
export function vmNameOf(nodeName: string, nth = 1, prefix = VM_PREFIX): string {
  return `${prefix}${nth === 1 ? "" : nth}_${nodeName}`;
}

/** The node whose name the VM of that name has in its cluster, or had before another VM took it. */
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
