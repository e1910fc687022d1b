import { ok } from "../../core/failure/result.ts";
import type { NodeTaint } from "../../core/node/node-taints.ts";
import type { OwnNode, OwnNodeFacts } from "../../ports/cluster/own-node.ts";
import type { ApiClient } from "./api/api-client.ts";
import type { ApiObject } from "./api/api-object.ts";
import { coreResources, readCoreObject } from "./core/core-object-calls.ts";
import { patchNode, replaceTaints } from "./core/patch-node.ts";

/** core/v1 Node, as far as it is read here. */
interface Node extends ApiObject {
  readonly spec?: { readonly taints?: readonly NodeTaint[] | null };
  readonly status?: {
    readonly conditions?:
      | readonly { readonly type: string; readonly status: string; readonly message?: string }[]
      | null;
    readonly volumesAttached?: readonly { readonly name: string }[] | null;
    readonly volumesInUse?: readonly string[] | null;
  };
}

/** storage/v1 CSINode, as far as it is read here. */
interface CsiNode extends ApiObject {
  readonly spec?: {
    readonly drivers?:
      | readonly {
          readonly name: string;
          readonly nodeID: string;
          readonly allocatable?: { readonly count?: number };
        }[]
      | null;
  };
}

/** In the message of a Node that is not ready (the kubelet's ShutdownStatus). */
const SHUTTING_DOWN = "node is shutting down";

const CSI_NODES = "/apis/storage.k8s.io/v1/csinodes";

/**
 * The Node and the CSINode of that name. Needs the verbs get and patch on `nodes`, and get on
 * `csinodes.storage.k8s.io`.
 */
export function createOwnNode(options: {
  readonly client: ApiClient;
  readonly nodeName: string;
  readonly driverName: string;
}): OwnNode {
  const { client, nodeName, driverName } = options;
  return {
    read: async (signal) => {
      const node = await readCoreObject<Node>(client, coreResources.nodes, nodeName, signal);
      if (!node.ok) return node;
      return ok(node.value === undefined ? undefined : factsOf(node.value, driverName));
    },
    drivers: async (signal) => {
      const csiNode = await readCoreObject<CsiNode>(client, CSI_NODES, nodeName, signal);
      if (!csiNode.ok) return csiNode;
      const drivers = csiNode.value?.spec?.drivers ?? [];
      return ok(
        drivers.map(({ name, nodeID, allocatable }) => ({
          name,
          nodeId: nodeID,
          volumesMax: allocatable?.count,
        })),
      );
    },
    replaceTaints: ({ from, to }, signal) => patchNode(client, nodeName, replaceTaints(from, to), signal),
  };
}

function factsOf({ metadata, spec, status }: Node, driverName: string): OwnNodeFacts {
  // What Kubernetes calls a CSI volume in a Node's status (volume.UniqueName).
  const prefix = `kubernetes.io/csi/${driverName}^`;
  const names = [...(status?.volumesAttached ?? []).map(({ name }) => name), ...(status?.volumesInUse ?? [])];
  const volumeIds = names.flatMap((name) => (name.startsWith(prefix) ? [name.slice(prefix.length)] : []));
  return {
    labels: metadata.labels ?? {},
    taints: spec?.taints ?? [],
    isShuttingDown: (status?.conditions ?? []).some(
      (condition) =>
        condition.type === "Ready" &&
        condition.status === "False" &&
        condition.message?.includes(SHUTTING_DOWN) === true,
    ),
    volumeIds: [...new Set(volumeIds)].toSorted(),
  };
}
