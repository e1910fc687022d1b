import type { SimulatedStore } from "../../../src/adapters/simulated-store/simulated-store.ts";
import type { AzVolume } from "../../../src/core/api/az-volume.ts";
import { isSameResourceUri } from "../../../src/core/azure/ids/disk-uri.ts";
import type { SimAzure } from "../../azure/sim-azure.ts";
import type { Violation } from "../../history/violation.ts";
import type { SimCluster } from "../../kubernetes/sim-cluster.ts";

/** What is examined once the world should be at rest. */
export interface RestWorld {
  readonly store: Pick<SimulatedStore, "objects">;
  readonly azure: Pick<SimAzure, "vmOf" | "machineOf" | "diskOf" | "isOthers"> & {
    readonly model: { readonly world: Pick<SimAzure["model"]["world"], "disks" | "virtualMachines"> };
  };
  readonly cluster: Pick<SimCluster, "pods" | "nodes" | "volumeAttachments" | "diskUriOf" | "containersOn">;
}

/** A promise that is broken at rest. */
export type Complaint = Omit<Violation, "atMs">;

/** The driver's object for a disk. */
export function volumeOf(world: RestWorld, diskUri: string): AzVolume | undefined {
  return world.store
    .objects("AzVolume")
    .find((volume) =>
      isSameResourceUri(volume.status?.detail?.diskUri ?? volume.spec.diskUri ?? "", diskUri),
    );
}
