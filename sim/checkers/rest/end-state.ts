import { isSameResourceUri } from "../../../src/core/azure/ids/disk-uri.ts";
import type { DesiredVolume } from "./desired-volume.ts";
import type { RestWorld } from "./rest-world.ts";

/** What users see of a volume at rest. */
export interface EndState {
  readonly volumeName: string;
  readonly exists: boolean;
  readonly sizeGiB: number;
  readonly isRunning: boolean;
  /**
   * The disk's own zones: where its first pod was scheduled, which is random; empty for a regional disk,
   * or none.
   */
  readonly zones: readonly string[];
  readonly replicas: number;
}

/**
 * What users see of the volumes that they requested and that were not destroyed. Whether a copy is there
 * depends on when its source was ready, and on when it was deleted.
 */
export function endStateOf(world: RestWorld, volumes: readonly DesiredVolume[]): readonly EndState[] {
  return volumes
    .filter(({ isDestroyed, isOfFault, source }) => !isDestroyed && !isOfFault && source === undefined)
    .map(({ volumeName }) => {
      const diskUri = world.cluster.diskUriOf(volumeName);
      const disk = diskUri === undefined ? undefined : world.azure.diskOf(diskUri);
      return {
        volumeName,
        exists: disk !== undefined,
        sizeGiB: disk === undefined ? 0 : Number(disk.sizeBytes >> 30n),
        isRunning: world.cluster
          .pods()
          .some((pod) => pod.volumeName === volumeName && pod.phase === "Running"),
        zones:
          [...world.azure.model.world.disks.values()].find(({ id }) =>
            isSameResourceUri(id, diskUri ?? "none"),
          )?.zones ?? [],
        replicas: world.store
          .objects("AzVolumeAttachment")
          .filter(
            ({ spec, status }) =>
              spec.role === "Replica" &&
              status?.state === "Attached" &&
              isSameResourceUri(spec.volumeId, diskUri ?? "none"),
          ).length,
      };
    });
}

/**
 * The differences between the end of a run under faults and of the same run without any. How many replicas
 * a disk in another zone has depends on that zone's nodes: each run is judged by itself for that.
 */
export function compareEndStates(
  withFaults: readonly EndState[],
  without: readonly EndState[],
): readonly string[] {
  return withFaults.flatMap((state) => {
    const twin = without.find(({ volumeName }) => volumeName === state.volumeName);
    const isElsewhere = twin !== undefined && twin.zones.join() !== state.zones.join();
    const expected = isElsewhere ? { ...twin, zones: state.zones, replicas: state.replicas } : twin;
    const [left, right] = [JSON.stringify(state), JSON.stringify(expected)];
    return left === right ? [] : [`it ended as ${left}, its twin without faults as ${JSON.stringify(twin)}`];
  });
}
