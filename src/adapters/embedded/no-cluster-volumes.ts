import { ok } from "../../core/failure/result.ts";
import type { ClusterVolumes } from "../../ports/cluster/cluster-volumes.ts";

/**
 * `ClusterVolumes` without Kubernetes: only the driver's own objects and the disks' tags know of
 * volumes, and no source can prove that a node is gone.
 */
export const noClusterVolumes: ClusterVolumes = {
  knowsAttachments: false,
  untilSynced: () => Promise.resolve(),
  volumes: () => [],
  volumesOf: () => [],
  volumeOf: () => undefined,
  isNamed: () => false,
  attachments: () => [],
  attachmentOn: () => undefined,
  onChange: () => {},
  readAttachment: () => Promise.resolve(ok(undefined)),
  deleteAttachment: () => Promise.resolve(ok(false)),
  releaseAttachment: () => Promise.resolve(ok(undefined)),
  releaseVolumes: () => Promise.resolve(ok(undefined)),
  nodePresence: () => Promise.resolve("unknown"),
};
