import { findDisk, findSnapshot } from "../../src/emulator/model/world.ts";
import type { SimWorkload } from "../kubernetes/sim-cluster.ts";
import type { SimWorld } from "../world.ts";

/**
 * Whether a copy can never be made: its source is gone or being deleted, was never made, or is larger than
 * the copy.
 */
export function lacksSource(
  { cluster, azure }: Pick<SimWorld, "cluster" | "azure">,
  { source, sizeGiB }: SimWorkload,
): boolean {
  const { world } = azure.model;
  switch (source?.kind) {
    case undefined:
      return false;
    case "foreignSnapshot": {
      const snapshot = findSnapshot(world, source.snapshotUri);
      return snapshot === undefined || snapshot.sizeGiB > sizeGiB;
    }
    case "VolumeSnapshot": {
      const snapshot = cluster.volumeSnapshots().find(({ name }) => name === source.name);
      return (
        snapshot === undefined ||
        snapshot.isDeleted ||
        snapshot.isRefused ||
        (snapshot.sizeGiB ?? 0) > sizeGiB
      );
    }
    case "volume": {
      const isThere = cluster.workloads().some(({ volumeName }) => volumeName === source.volumeName);
      const disk = findDisk(world, cluster.diskUriOf(source.volumeName) ?? "");
      return !isThere || disk === undefined || disk.spec.sizeGiB > sizeGiB;
    }
  }
}
