import type { ConnectedStore } from "../../src/adapters/embedded/connect-embedded-store.ts";
import type { ClusterNode } from "../../src/core/api/cluster-node.ts";
import { changeSpec } from "../../src/objects/update-object.ts";

/**
 * Passes to the driver what Kubernetes' API would: which workloads use which volume, and which node is
 * cordoned or out of service.
 */
export interface Orchestrator {
  /** `instanceUri`: the resource id of the node's VM. */
  addNode(nodeName: string, instanceUri: string): Promise<void>;
  addUser(nodeName: string, volumeId: string, user: string): Promise<void>;
  removeUser(nodeName: string, volumeId: string): Promise<void>;
  setOutOfService(nodeName: string, outOfService: boolean): Promise<void>;
  /** Cordons a node, or ends that. */
  setUnschedulable(nodeName: string, unschedulable: boolean): Promise<void>;
}

/** Keeps one ClusterNode per node in the embedded store. */
export function createOrchestrator(store: ConnectedStore, signal: AbortSignal): Orchestrator {
  const change = async (
    nodeName: string,
    changed: (spec: ClusterNode["spec"]) => ClusterNode["spec"],
  ): Promise<void> => {
    const result = await changeSpec(
      store,
      { kind: "ClusterNode", name: nodeName },
      (node) => ({ ...node, spec: changed(node.spec) }),
      signal,
    );
    if (!result.ok) throw new Error(`ClusterNode ${nodeName}: ${result.failure.kind}`);
  };
  return {
    addNode: async (nodeName, instanceUri) => {
      const created = await store.create(
        "ClusterNode",
        {
          metadata: { name: nodeName },
          spec: { outOfService: false, unschedulable: false, instanceUri, volumeUsers: [] },
        },
        signal,
      );
      if (!created.ok) throw new Error(`ClusterNode ${nodeName}: ${created.failure.kind}`);
    },
    addUser: (nodeName, volumeId, user) =>
      change(nodeName, (spec) => ({ ...spec, volumeUsers: [...spec.volumeUsers, { volumeId, user }] })),
    removeUser: (nodeName, volumeId) =>
      change(nodeName, (spec) => ({
        ...spec,
        volumeUsers: spec.volumeUsers.filter((use) => use.volumeId !== volumeId),
      })),
    setOutOfService: (nodeName, outOfService) => change(nodeName, (spec) => ({ ...spec, outOfService })),
    setUnschedulable: (nodeName, unschedulable) => change(nodeName, (spec) => ({ ...spec, unschedulable })),
  };
}
