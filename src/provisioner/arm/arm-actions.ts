import type { ArmApi } from "./arm-api.ts";

const COMPUTE = "Microsoft.Compute";
const INSTANCES = `${COMPUTE}/virtualMachineScaleSets/virtualMachines`;

/** Needed only with `--silent-nodes power-off`: in a role of their own. */
const POWER_OFF = [`${COMPUTE}/virtualMachines/powerOff/action`, `${INSTANCES}/powerOff/action`];

/**
 * The actions that each call needs (Learn, Azure permissions for Compute). Azure also checks the writer's
 * rights on each resource that a body names, and on each that a VM refers to whenever the VM is written.
 */
export const armActions: Readonly<Record<keyof ArmApi, readonly string[]>> = {
  getDisk: [`${COMPUTE}/disks/read`],
  listDisks: [`${COMPUTE}/disks/read`],
  startDiskCreateOrUpdate: [
    `${COMPUTE}/disks/write`,
    // Its source, the set of keys that encrypts it, and the private endpoints that may read it.
    `${COMPUTE}/disks/beginGetAccess/action`,
    `${COMPUTE}/snapshots/beginGetAccess/action`,
    `${COMPUTE}/diskEncryptionSets/read`,
    `${COMPUTE}/diskAccesses/read`,
  ],
  startDiskUpdate: [
    `${COMPUTE}/disks/write`,
    `${COMPUTE}/diskEncryptionSets/read`,
    `${COMPUTE}/diskAccesses/read`,
  ],
  startDiskDelete: [`${COMPUTE}/disks/delete`],
  getSnapshot: [`${COMPUTE}/snapshots/read`],
  listSnapshots: [`${COMPUTE}/snapshots/read`],
  startSnapshotCreate: [
    `${COMPUTE}/snapshots/write`,
    `${COMPUTE}/disks/beginGetAccess/action`,
    `${COMPUTE}/snapshots/beginGetAccess/action`,
  ],
  startSnapshotUpdate: [`${COMPUTE}/snapshots/write`],
  startSnapshotDelete: [`${COMPUTE}/snapshots/delete`],
  listVmSizes: [`${COMPUTE}/skus/read`],
  listUsages: [`${COMPUTE}/locations/usages/read`],
  getVm: [`${COMPUTE}/virtualMachines/read`, `${INSTANCES}/read`],
  startVmUpdate: [
    `${COMPUTE}/virtualMachines/write`,
    `${INSTANCES}/write`,
    `${COMPUTE}/virtualMachineScaleSets/read`,
    `${COMPUTE}/disks/write`,
    // What a VM refers to: every node of AKS has the kubelet's identity.
    "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
    "Microsoft.Network/applicationSecurityGroups/joinIpConfiguration/action",
    "Microsoft.Network/loadBalancers/backendAddressPools/join/action",
    "Microsoft.Network/networkInterfaces/join/action",
    "Microsoft.Network/networkSecurityGroups/join/action",
    "Microsoft.Network/publicIPAddresses/join/action",
    "Microsoft.Network/virtualNetworks/subnets/join/action",
  ],
  startVmPowerOff: POWER_OFF,
  pollOperation: [`${COMPUTE}/locations/DiskOperations/read`, `${COMPUTE}/locations/operations/read`],
};

/**
 * Whether an action is on the subscription, where a role that is assigned to a resource group does not count:
 * operations and SKUs are in none.
 */
export function isSubscriptionAction(action: string): boolean {
  return action.startsWith(`${COMPUTE}/locations/`) || action.startsWith(`${COMPUTE}/skus/`);
}

/** Whether an action is needed only where the driver may power off VMs. */
export function isPowerAction(action: string): boolean {
  return POWER_OFF.includes(action);
}
