import { resourceUriKey } from "../../../core/azure/ids/disk-uri.ts";
import { reachesBeyondNode } from "../../../core/schedule/pod-fits-node.ts";
import type { SourceCache } from "../../../ports/store/source-cache.ts";
import type { Source, SourceObject } from "../../../ports/store/source.ts";
import type { ApiClient } from "../api/api-client.ts";
import { resourceSource } from "../api/resource-source.ts";
import { type ClusterClaim, type PersistentVolumeClaim, readClusterClaim } from "./core-claim.ts";
import { type CachedNode, type Node, readCachedNode } from "./core-node.ts";
import { coreResources } from "./core-object-calls.ts";
import {
  type ClusterPersistentVolume,
  type PersistentVolume,
  readClusterPersistentVolume,
} from "./core-persistent-volume.ts";
import { type ClusterPod, type Pod, readClusterPod } from "./core-pod.ts";
import { createLabelPool, createNodeAffinityPool } from "./core-pools.ts";
import {
  type ClusterVolumeAttachment,
  readClusterVolumeAttachment,
  type VolumeAttachment,
} from "./core-volume-attachment.ts";

export interface CachedResource<T extends SourceObject, Index extends string> {
  readonly source: Source<T>;
  readonly indexes: { readonly [N in Index]: (object: T) => readonly string[] };
}

export type PodIndex = "nodeName" | "claim" | "diskKey" | "namespace" | "repelling" | "nodePlugin";

/** The value of the index `repelling` for all pods that keep others away. */
export const REPELLING = "yes";
/** Another one for those of them that keep others away from more than their own node. */
export const REPELLING_WIDELY = "widely";

/** The value of the index `nodePlugin` for all pods that serve an Azure disk driver on their node. */
export const NODE_PLUGIN = "yes";

/** How PersistentVolumes are found: by the disk that they name, under whatever driver's name. */
export type PersistentVolumeIndex = "diskKey";

type VolumeAttachmentIndex = "nodeName";

/** How Nodes are found: by the resource id of their VM, as `resourceUriKey` writes it. */
export type NodeIndex = "instanceUri";

/** Caches of what Kubernetes itself knows of volumes, nodes and pods, each made of one of `coreSources`. */
export interface CoreCaches {
  readonly pods: SourceCache<ClusterPod, PodIndex>;
  readonly claims: SourceCache<ClusterClaim>;
  readonly persistentVolumes: SourceCache<ClusterPersistentVolume, PersistentVolumeIndex>;
  readonly volumeAttachments: SourceCache<ClusterVolumeAttachment, VolumeAttachmentIndex>;
  readonly nodes: SourceCache<CachedNode, NodeIndex>;
}

/** What the caches of core resources are made from. Needs list and watch on each, in the whole cluster. */
export function coreSources(
  client: ApiClient,
  driverName: string,
): {
  readonly pods: CachedResource<ClusterPod, PodIndex>;
  readonly claims: CachedResource<ClusterClaim, never>;
  readonly persistentVolumes: CachedResource<ClusterPersistentVolume, PersistentVolumeIndex>;
  readonly volumeAttachments: CachedResource<ClusterVolumeAttachment, VolumeAttachmentIndex>;
  readonly nodes: CachedResource<CachedNode, NodeIndex>;
} {
  const pooled = createLabelPool();
  const pooledAffinities = createNodeAffinityPool();
  return {
    pods: {
      // Pods that have ended use nothing, and a cluster keeps thousands of them.
      source: resourceSource<Pod, ClusterPod>(client, {
        path: "/api/v1/pods",
        query: { fieldSelector: "status.phase!=Succeeded,status.phase!=Failed" },
        transform: (pod) => readClusterPod(pod, pooled, driverName),
      }),
      indexes: {
        nodeName: (pod) => (pod.nodeName === "" || pod.rules === undefined ? [] : [pod.nodeName]),
        claim: (pod) => pod.claims,
        diskKey: (pod) => pod.diskKeys,
        namespace: (pod) => [pod.metadata.namespace],
        nodePlugin: (pod) => (pod.nodePlugin === undefined ? [] : [NODE_PLUGIN]),
        repelling: ({ podAntiAffinity }) => [
          ...(podAntiAffinity.length === 0 ? [] : [REPELLING]),
          ...(podAntiAffinity.some(reachesBeyondNode) ? [REPELLING_WIDELY] : []),
        ],
      },
    },
    claims: {
      source: resourceSource<PersistentVolumeClaim, ClusterClaim>(client, {
        path: "/api/v1/persistentvolumeclaims",
        transform: readClusterClaim,
      }),
      indexes: {},
    },
    persistentVolumes: {
      source: resourceSource<PersistentVolume, ClusterPersistentVolume>(client, {
        path: coreResources.persistentVolumes,
        transform: (volume) => readClusterPersistentVolume(volume, driverName, pooledAffinities),
      }),
      indexes: {
        diskKey: ({ namedDisk }) => (namedDisk === undefined ? [] : [resourceUriKey(namedDisk.volumeId)]),
      },
    },
    volumeAttachments: {
      source: resourceSource<VolumeAttachment, ClusterVolumeAttachment>(client, {
        path: coreResources.volumeAttachments,
        transform: (attachment) => readClusterVolumeAttachment(attachment, driverName),
      }),
      indexes: { nodeName: ({ isOurs, nodeName }) => (isOurs ? [nodeName] : []) },
    },
    nodes: {
      source: resourceSource<Node, CachedNode>(client, {
        path: coreResources.nodes,
        transform: readCachedNode,
      }),
      indexes: {
        instanceUri: ({ instanceUri }) => (instanceUri === "" ? [] : [resourceUriKey(instanceUri)]),
      },
    },
  };
}
