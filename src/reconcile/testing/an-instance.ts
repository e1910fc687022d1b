import type { PlacedNode } from "../../core/model/node-identity.ts";
import { identity } from "../../core/plan/testing/objects.ts";
import type { InstanceFacts } from "../../ports/cloud-provisioner.ts";

/** The VM of a node as the platform shows it: it runs, in zone 1, and has no disk. */
export function anInstance(nodeName: string, overrides: Partial<InstanceFacts> = {}): InstanceFacts {
  return {
    nodeName,
    instanceUri: `/vms/${nodeName}`,
    vmId: identity(nodeName).vmId,
    location: "eastus",
    zone: "1",
    vmSize: "Standard_D4s_v5",
    powerState: "running",
    busType: "SCSI",
    dataDisksMax: 8,
    dataDisks: [],
    ...overrides,
  };
}

/** The node of such a VM, as it stands in a record once that VM was read. */
export function placed(nodeName: string): PlacedNode {
  return { ...identity(nodeName), instanceUri: anInstance(nodeName).instanceUri };
}
