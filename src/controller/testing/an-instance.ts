import { identity, instanceUriOf } from "../../core/testing/objects.ts";
import type { InstanceFacts } from "../../ports/cloud/cloud-provisioner.ts";

/** The VM of a node as Azure shows it: it runs, in zone 1, without a disk. */
export function anInstance(nodeName: string, overrides: Partial<InstanceFacts> = {}): InstanceFacts {
  return {
    nodeName,
    instanceUri: instanceUriOf(nodeName),
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
