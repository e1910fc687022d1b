import { resourceUriKey } from "../../../src/core/azure/ids/disk-uri.ts";
import type { SimAzure } from "../../azure/sim-azure.ts";
import type { SnapshotHistory } from "../../history/snapshot-history.ts";
import type { SimCluster } from "../../kubernetes/sim-cluster.ts";
import type { Complaint } from "./rest-world.ts";

/** What is examined of snapshots at rest. */
export interface SnapshotRest {
  readonly cluster: Pick<SimCluster, "volumeSnapshots">;
  readonly azure: Pick<SimAzure, "isOthers" | "isMadeByHand"> & {
    readonly model: { readonly world: Pick<SimAzure["model"]["world"], "snapshots"> };
  };
  readonly snapshots: Pick<SnapshotHistory, "broken">;
}

/**
 * At rest every VolumeSnapshot is ready or was refused for good, is what it was when it was answered, and
 * Azure has no other snapshot that this cluster's driver has created, whatever its tags are. No source was
 * deleted while Azure copied it to another region.
 */
export function judgeSnapshots({ cluster, azure, snapshots }: SnapshotRest): readonly Complaint[] {
  const present = cluster.volumeSnapshots();
  const named = new Set(present.map(({ snapshotHandle = "" }) => resourceUriKey(snapshotHandle)));
  // No other client deletes what the driver has made.
  const orphaned = [...azure.model.world.snapshots.values()].filter(
    ({ id, copyError }) => copyError?.code === "CopySourceNotFound" && named.has(resourceUriKey(id)),
  );
  const left = [...azure.model.world.snapshots.values()].filter(
    ({ id }) => !azure.isMadeByHand(id) && !azure.isOthers(id) && !named.has(resourceUriKey(id)),
  );
  return [
    ...present
      .filter(({ isDeleted, isReady, isRefused }) => isDeleted || (!isReady && !isRefused))
      .map(({ name, isDeleted }): Complaint => {
        const what = isDeleted ? "is still being deleted" : "is not ready";
        return { invariant: "not-converged", detail: `VolumeSnapshot ${name} ${what}` };
      }),
    ...snapshots.broken().map((detail): Complaint => ({ invariant: "snapshot-broken", detail })),
    ...orphaned.map(({ name }): Complaint => ({
      invariant: "copy-broken",
      detail: `snapshot ${name} lost its source while Azure copied it`,
    })),
    ...left.map(({ name }): Complaint => ({
      invariant: "leaked",
      detail: `snapshot ${name} belongs to no VolumeSnapshot`,
    })),
  ];
}
