import type { VolumeContentSource } from "../../../src/csi/gen/csi/v1/csi.ts";
import type { Claim } from "../api/api-objects.ts";
import type { ApiServer } from "../api/api-server.ts";

/**
 * The `dataSource` of a claim as external-provisioner resolves it: a VolumeSnapshot that is ready, or a
 * claim that is bound and large enough, neither of which is being deleted; undefined: nothing can be made.
 */
export function contentSourceOf(
  api: ApiServer,
  { workload: { source }, sizeGiB }: Claim,
): VolumeContentSource | undefined {
  switch (source?.kind) {
    case undefined:
      return undefined;
    case "foreignSnapshot":
      return ofSnapshot(source.snapshotUri);
    case "VolumeSnapshot": {
      const snapshot = api.get("VolumeSnapshot", source.name);
      const isUsable = snapshot?.isReady === true && !snapshot.isDeleted;
      const isLarge = sizeGiB >= (snapshot?.sizeGiB ?? 0);
      return isUsable && isLarge ? ofSnapshot(snapshot.snapshotHandle ?? "") : undefined;
    }
    case "volume": {
      const claim = api.get("Claim", source.volumeName);
      const volume = api.get("PersistentVolume", source.volumeName);
      if (claim?.isBound !== true || claim.isDeleted || volume === undefined) return undefined;
      if (sizeGiB < volume.sizeGiB) return undefined;
      return { type: { $case: "volume", value: { volumeId: volume.volumeId } } };
    }
  }
}

function ofSnapshot(snapshotId: string): VolumeContentSource {
  return { type: { $case: "snapshot", value: { snapshotId } } };
}
