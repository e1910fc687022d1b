import { isSameResourceUri } from "../../core/azure/ids/disk-uri.ts";
import { ok } from "../../core/failure/result.ts";
import { diskUri } from "../../core/testing/objects.ts";
import type {
  ClusterAttachment,
  ClusterVolume,
  ClusterVolumes,
  NodePresence,
} from "../../ports/cluster/cluster-volumes.ts";

/** A cluster with volumes, as a test sets it up. */
export interface ModelCluster extends ClusterVolumes {
  readonly known: ClusterVolume[];
  /** What is attached; a cache may lag behind it. */
  readonly attached: Map<string, ClusterAttachment>;
  /** What the cache shows, where it is stale. */
  stale: readonly ClusterAttachment[] | undefined;
  readonly presence: Map<string, NodePresence>;
  /** How many released volumes have an external-attacher that keeps them. */
  timesVolumesReleased: number;
  readonly released: readonly string[];
  /** Runs once, right after an attachment has been read past the cache. */
  during: (() => void) | undefined;
}

/** A PersistentVolume of `pvc-1`, as the V1 driver makes them. */
export function aClusterVolume(overrides: Partial<ClusterVolume> = {}): ClusterVolume {
  return {
    name: "pv-1",
    volumeId: diskUri,
    capabilities: [{ accessType: "mount", accessMode: "SINGLE_NODE_WRITER", fsType: "ext4" }],
    volumeContext: { skuName: "Premium_LRS", requestedsizegib: "10" },
    readOnly: false,
    claim: { namespace: "default", name: "data", uid: "uid-of-data" },
    ...overrides,
  };
}

/** A VolumeAttachment of it. */
export function aClusterAttachment(
  nodeName: string,
  overrides: Partial<ClusterAttachment> = {},
): ClusterAttachment {
  return {
    name: `csi-${nodeName}`,
    volumeId: diskUri,
    nodeName,
    isAttached: true,
    isTerminating: false,
    uid: `uid-of-csi-${nodeName}`,
    version: "1",
    ...overrides,
  };
}

export function aCluster(
  known: readonly ClusterVolume[],
  attached: readonly ClusterAttachment[] = [],
): ModelCluster {
  const released: string[] = [];
  const cluster: ModelCluster = {
    known: [...known],
    attached: new Map(attached.map((attachment) => [attachment.name, attachment])),
    stale: undefined,
    presence: new Map(),
    released,
    timesVolumesReleased: 0,
    during: undefined,
    knowsAttachments: true,
    untilSynced: () => Promise.resolve(),
    volumes: () => cluster.known,
    volumesOf: (diskUri) => cluster.known.filter(({ volumeId }) => isSameResourceUri(volumeId, diskUri)),
    volumeOf: (volumeId) => cluster.known.find((volume) => isSameResourceUri(volume.volumeId, volumeId)),
    isNamed: (diskUri) => cluster.known.some((volume) => isSameResourceUri(volume.volumeId, diskUri)),
    attachments: () => cluster.stale ?? [...cluster.attached.values()],
    attachmentOn: (volumeId, nodeName) =>
      cluster
        .attachments()
        .find((each) => isSameResourceUri(each.volumeId, volumeId) && each.nodeName === nodeName),
    onChange: () => {},
    readAttachment: async (name) => {
      const present = cluster.attached.get(name);
      cluster.during?.();
      cluster.during = undefined;
      return ok(present);
    },
    deleteAttachment: async ({ name, uid, version }) => {
      const present = cluster.attached.get(name);
      if (present?.uid !== uid || present.version !== version) return ok(false);
      cluster.attached.set(name, { ...present, isTerminating: true });
      return ok(true);
    },
    releaseAttachment: async (name) => {
      if (cluster.attached.delete(name)) released.push(name);
      return ok(undefined);
    },
    releaseVolumes: async () => {
      cluster.timesVolumesReleased += 1;
      return ok(undefined);
    },
    nodePresence: async (nodeName) => cluster.presence.get(nodeName) ?? "present",
  };
  return cluster;
}
