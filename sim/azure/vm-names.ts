import { formatDiskUri } from "../../src/core/model/disk-uri.ts";
import { formatInstanceUri } from "../../src/core/model/instance-uri.ts";

/** Where all that is in the simulated Azure lies. */
export const azurePlace = { subscriptionId: "00000000-0000-0000-0000-000000000001", resourceGroup: "rg", location: "eastus" } as const;

/**
 * The name of the `nth` VM of a node's name, from 1. It is never the node's: a driver that takes the one for
 * the other finds nothing. Which of them has the name at this moment, `SimAzure` says.
 */
export function vmNameOf(nodeName: string, nth = 1): string {
  return `flex${nth === 1 ? "" : nth}_${nodeName}`;
}

/** The node whose name the VM of that name has, or had before another VM took it. */
export function nodeNameOfVm(vmName: string): string {
  return vmName.replace(/^flex\d*_/u, "");
}

/** The resource id of the `nth` VM of a node's name, from 1. */
export function instanceUriOf(nodeName: string, nth = 1): string {
  return formatInstanceUri({ ...azurePlace, scaleSetName: undefined, instanceName: vmNameOf(nodeName, nth) });
}

/** The resource id of a disk. */
export function diskUriOf(diskName: string): string {
  return formatDiskUri({ ...azurePlace, diskName });
}
