import { diskUri } from "../../core/testing/objects.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";

/** The disk of `pvc-1` as Azure shows it, attached to nothing. */
export function aDisk(overrides: Partial<DiskFacts> = {}): DiskFacts {
  return {
    diskUri,
    diskName: "pvc-1",
    location: "eastus",
    zones: ["1"],
    skuName: "Premium_LRS",
    sizeGiB: 10,
    maxShares: 3,
    tags: {},
    state: "Succeeded",
    attachedTo: [],
    sourceUri: undefined,
    sectorSizeBytes: 512,
    burstingEnabled: false,
    ...overrides,
  };
}
