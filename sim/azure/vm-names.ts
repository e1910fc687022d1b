import { formatDiskUri } from "../../src/core/model/disk-uri.ts";
import { formatInstanceUri, parseInstanceUri } from "../../src/core/model/instance-uri.ts";

/** Where all that is in the simulated Azure lies. */
export const azurePlace = { subscriptionId: "00000000-0000-0000-0000-000000000001", resourceGroup: "rg", location: "eastus" } as const;

const PREFIX = "flex_";

/** The name of a node's VM. It is never the node's: a driver that takes the one for the other finds nothing. */
export function vmNameOf(nodeName: string): string {
  return `${PREFIX}${nodeName}`;
}

/** The node on a VM of that name. */
export function nodeNameOfVm(vmName: string): string {
  return vmName.startsWith(PREFIX) ? vmName.slice(PREFIX.length) : vmName;
}

/** The resource id of a node's VM. */
export function instanceUriOf(nodeName: string): string {
  return formatInstanceUri({ ...azurePlace, scaleSetName: undefined, instanceName: vmNameOf(nodeName) });
}

/** The resource id of a disk. */
export function diskUriOf(diskName: string): string {
  return formatDiskUri({ ...azurePlace, diskName });
}

/** The node on the VM with that resource id; undefined where it is none of a VM. */
export function nodeNameAt(instanceUri: string): string | undefined {
  const vmName = parseInstanceUri(instanceUri)?.instanceName;
  return vmName === undefined ? undefined : nodeNameOfVm(vmName);
}
