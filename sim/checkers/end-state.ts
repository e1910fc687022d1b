import { isSameResourceUri } from "../../src/core/model/disk-uri.ts";
import type { DesiredVolume } from "./desired-volume.ts";
import type { RestWorld } from "./rest-world.ts";

/** What users see of a volume at rest. */
export interface EndState {
  readonly volumeName: string;
  readonly exists: boolean;
  readonly sizeGiB: number;
  readonly isRunning: boolean;
  readonly standbys: number;
}

/** What users see of the volumes that nobody destroyed. */
export function endStateOf(world: RestWorld, volumes: readonly DesiredVolume[]): readonly EndState[] {
  return volumes
    .filter(({ isDestroyed }) => !isDestroyed)
    .map(({ volumeName }) => {
      const diskUri = world.cluster.diskUriOf(volumeName);
      const disk = diskUri === undefined ? undefined : world.azure.diskOf(diskUri);
      return {
        volumeName,
        exists: disk !== undefined,
        sizeGiB: disk === undefined ? 0 : Number(disk.sizeBytes >> 30n),
        isRunning: world.cluster.pods().some((pod) => pod.volumeName === volumeName && pod.phase === "Running"),
        standbys: world.store
          .objects("AzVolumeAttachment")
          .filter(({ spec, status }) => spec.role === "Replica" && status?.state === "Attached" && isSameResourceUri(spec.volumeId, diskUri ?? "none")).length,
      };
    });
}

/** Where a run under faults ended otherwise than the same run without any. */
export function compareEndStates(withFaults: readonly EndState[], without: readonly EndState[]): readonly string[] {
  return withFaults.flatMap((state) => {
    const twin = without.find(({ volumeName }) => volumeName === state.volumeName);
    const [left, right] = [JSON.stringify(state), JSON.stringify(twin)];
    return left === right ? [] : [`it ended as ${left}, its twin without faults as ${right}`];
  });
}
