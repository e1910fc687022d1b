import { identity } from "../../core/testing/objects.ts";
import type { VolumeCheckpoint } from "../host/node-checkpoints.ts";

/** A checkpoint of node-a's VM, of a volume that is mounted there and that no pod has. */
export function aCheckpoint(changes: Partial<VolumeCheckpoint> = {}): VolumeCheckpoint {
  const { volumeName = "pvc-1" } = changes;
  const { vmId, instanceUri } = identity("node-a");
  return {
    volumeName,
    uid: `uid-${volumeName}`,
    volumeId: `/disks/${volumeName}`,
    epoch: 1,
    stagingPath: `/staging/${volumeName}`,
    targetPaths: [],
    lun: 0,
    majorMinor: "8:32",
    accessType: "mount",
    vm: { vmId, instanceUri },
    ...changes,
  };
}
