import type { InstanceMetadata } from "../../ports/cloud/instance-metadata.ts";

/** What Azure says of node-a: a zonal VM without data disks. */
export function aMachine(overrides: Partial<InstanceMetadata> = {}): InstanceMetadata {
  return {
    vmId: "02aab8a4-74ef-476e-8182-f6d2ba4166a6",
    resourceId: "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/node-a",
    location: "eastus",
    zone: "1",
    vmSize: "Standard_D4s_v5",
    dataDisks: [],
    ...overrides,
  };
}
