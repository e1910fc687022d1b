import type { DesiredVolume } from "../checkers/rest/desired-volume.ts";
import type { SimWorkload } from "../kubernetes/sim-cluster.ts";
import type { VolumeClass } from "../kubernetes/volume-class.ts";

/** What users have asked of each volume so far. */
export interface DesiredVolumes {
  apply(workload: SimWorkload): void;
  scale(volumeName: string, pods: 0 | 1): void;
  resize(volumeName: string, sizeGiB: number): void;
  modify(volumeName: string, volumeClass: VolumeClass): void;
  delete(volumeName: string): void;
  destroyed(volumeName: string): void;
  ofFault(volumeName: string): void;
  /** Of a volume that exists and was not destroyed. */
  find(volumeName: string): DesiredVolume | undefined;
  all(): readonly DesiredVolume[];
}

/** Nothing asked yet. */
export function createDesiredVolumes(): DesiredVolumes {
  const byName = new Map<string, DesiredVolume>();
  const change = (volumeName: string, changed: Partial<DesiredVolume>): void => {
    const present = byName.get(volumeName);
    if (present !== undefined) byName.set(volumeName, { ...present, ...changed });
  };
  return {
    apply: ({ volumeName, sizeGiB, replicas, access, source, sharedBy }) => {
      byName.set(volumeName, {
        volumeName,
        exists: true,
        sizeGiB,
        volumeClass: undefined,
        pods: 1,
        replicas,
        members: sharedBy ?? 1,
        access,
        source,
        isDestroyed: false,
        isOfFault: false,
      });
    },
    scale: (volumeName, pods) => change(volumeName, { pods }),
    resize: (volumeName, sizeGiB) => change(volumeName, { sizeGiB }),
    modify: (volumeName, volumeClass) => change(volumeName, { volumeClass }),
    delete: (volumeName) => change(volumeName, { exists: false }),
    destroyed: (volumeName) => change(volumeName, { isDestroyed: true }),
    ofFault: (volumeName) => change(volumeName, { isOfFault: true }),
    find: (volumeName) => {
      const volume = byName.get(volumeName);
      return volume?.exists === true && !volume.isDestroyed ? volume : undefined;
    },
    all: () => [...byName.values()],
  };
}
