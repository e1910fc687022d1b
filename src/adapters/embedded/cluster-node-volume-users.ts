import type { ClusterNode } from "../../core/api/cluster-node.ts";
import { isSameResourceUri, resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import { placementUnknown } from "../../core/schedule/pod-rules.ts";
import type { VolumeUse } from "../../core/schedule/volume-use.ts";
import type { VolumeUsers } from "../../ports/cluster/volume-users.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";

/** The part of a cache of ClusterNodes that this adapter needs; `ObjectCache` fits. */
export interface ClusterNodeCache {
  get(kind: "ClusterNode", name: string): ClusterNode | undefined;
  byIndex(kind: "ClusterNode", index: "instanceUri", key: string): readonly ClusterNode[];
  onChange(listener: (change: { readonly kind: string; readonly name: string }) => void): unknown;
}

/** `VolumeUsers` without Kubernetes: an orchestrator writes what it knows into ClusterNode objects. */
export function createClusterNodeVolumeUsers(options: {
  readonly store: ObjectStore;
  readonly cache: ClusterNodeCache;
}): VolumeUsers {
  const { store, cache } = options;
  return {
    on: async ({ nodeName, volumeId }, signal) => {
      const read = await store.get("ClusterNode", nodeName, signal);
      // Neither a missing object nor an unavailable store shows that the volume is unused.
      return read.ok ? useOf(read.value, volumeId) : { kind: "unknown" };
    },
    cachedOn: ({ nodeName, volumeId }) => {
      const node = cache.get("ClusterNode", nodeName);
      return node === undefined ? { kind: "unknown" } : useOf(node, volumeId);
    },
    isOutOfService: async (nodeName, signal) => {
      const read = await store.get("ClusterNode", nodeName, signal);
      // Only what was stated counts: a node without an answer is in service.
      return read.ok && read.value.spec.outOfService;
    },
    isUnschedulable: async (nodeName, signal) => {
      const read = await store.get("ClusterNode", nodeName, signal);
      return read.ok && (read.value.spec.unschedulable ?? false);
    },
    cachedNode: (nodeName) => {
      const spec = cache.get("ClusterNode", nodeName)?.spec;
      const instance = spec?.instanceUri === undefined ? {} : { instanceUri: spec.instanceUri };
      const { outOfService = false, unschedulable = false } = spec ?? {};
      return {
        isGone: false,
        isOutOfService: outOfService,
        isUnschedulable: unschedulable,
        ...instance,
        labels: {},
        taints: [],
      };
    },
    // A workload that waits for a node is on no ClusterNode.
    cachedPods: () => [],
    cachedNodeNameOf: (instanceUri) =>
      cache.byIndex("ClusterNode", "instanceUri", resourceUriKey(instanceUri))[0]?.metadata.name,
    // A ClusterNode states the users of a volume, and no rules: its orchestrator starts workloads on
    // any node.
    cachedPlacement: () => placementUnknown,
    cachedClaimPods: () => [],
    cachedCompanions: () => [],
    onChange: (listener) => {
      cache.onChange((change) => {
        // One object holds both, so any change may be one of the node.
        if (change.kind === "ClusterNode") listener(change.name, "node");
      });
    },
  };
}

function useOf(node: ClusterNode, volumeId: string): VolumeUse {
  const users = node.spec.volumeUsers
    .filter((use) => isSameResourceUri(use.volumeId, volumeId))
    .map((use) => use.user);
  return users.length === 0 ? { kind: "unused" } : { kind: "used", users };
}
