/** The subscription, resource group and location of everything in the benchmark. */
export const SUBSCRIPTION_ID = "00000000-0000-0000-0000-000000000001";
export const RESOURCE_GROUP = "rg";
export const LOCATION = "eastus";

/** Volumes that a node takes: the data disks of its VM. */
export const VOLUMES_MAX = 32;

/** The same in the provisioner's form. */
export const place = { subscriptionId: SUBSCRIPTION_ID, resourceGroup: RESOURCE_GROUP, location: LOCATION };

const COMPUTE = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/${RESOURCE_GROUP}/providers/Microsoft.Compute`;

/** The ARM id of a disk. */
export function diskUri(name: string): string {
  return `${COMPUTE}/disks/${name}`;
}

/** The ARM id of a VM. */
export function vmUri(name: string): string {
  return `${COMPUTE}/virtualMachines/${name}`;
}
