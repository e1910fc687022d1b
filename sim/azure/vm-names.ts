import { formatDiskUri } from "../../src/core/azure/ids/disk-uri.ts";
import { formatInstanceUri, type InstanceUriParts } from "../../src/core/azure/ids/instance-uri.ts";

/** The location of everything in the simulated Azure. */
export const azurePlace = {
  subscriptionId: "00000000-0000-0000-0000-000000000001",
  resourceGroup: "rg",
  location: "eastus",
} as const;

/** The default prefix of VM names. */
const VM_PREFIX = "flex";

/**
 * What a node runs on: a VM of its own, or an instance of a uniform or flexible scale set. A flexible one is
 * a VM that names its scale set; a uniform one is another kind of resource.
 */
export type InstanceKind = "vm" | "uniform" | "flex";

export const instanceKinds: readonly InstanceKind[] = ["vm", "uniform", "flex"];

/** Where a VM is in the resource group. */
export type InstancePlace = Pick<InstanceUriParts, "scaleSetName" | "instanceName">;

/**
 * The place of the `nth` VM of a node's name, from 1. Its name always differs from the node's: a driver that
 * confuses the two finds nothing. `SimAzure` reports which VM has the name now. `prefix`: letters that
 * distinguish the VMs of two clusters whose nodes may share names.
 */
export function instancePlaceOf(nodeName: string, nth = 1, prefix = VM_PREFIX): InstancePlace {
  return { scaleSetName: undefined, instanceName: `${prefix}${nth === 1 ? "" : nth}_${nodeName}` };
}

/** The names of a cluster's scale sets; `prefix` as in `instancePlaceOf`. */
export function scaleSetNameOf(kind: Exclude<InstanceKind, "vm">, prefix = VM_PREFIX): string {
  return kind === "flex" ? prefix : `${prefix}-vmss`;
}

/** The resource id of the VM at a place. */
export function instanceUriAt(place: InstancePlace): string {
  return formatInstanceUri({ ...azurePlace, ...place });
}

/** The resource id of the first VM of a node's name, if it is a VM of its own. */
export function instanceUriOf(nodeName: string): string {
  return instanceUriAt(instancePlaceOf(nodeName));
}

/** The resource id of a disk. */
export function diskUriOf(diskName: string): string {
  return formatDiskUri({ ...azurePlace, diskName });
}

/** Azure's operations on VMs as fault rules name them: of VMs of their own and of uniform instances alike. */
export const vmOperations = {
  read: "VirtualMachine*_Get",
  update: "VirtualMachine*_Update",
  attachDetach: "VirtualMachine*_AttachDetachDataDisks",
} as const;
