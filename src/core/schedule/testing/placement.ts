import type { NodeForPods } from "../pod-fits-node.ts";
import type { NeighbourPod, PodAffinityTerm, PodRules, VolumePlacement } from "../pod-rules.ts";

/** A pod `default/db-0` that may run anywhere. */
export function aPod(overrides: Partial<PodRules> = {}): PodRules {
  return {
    namespace: "default",
    name: "db-0",
    labels: { app: "db" },
    nodeSelector: {},
    nodeAffinity: undefined,
    tolerations: [],
    podAffinity: [],
    podAntiAffinity: [],
    ...overrides,
  };
}

/** A node `node-b` in zone `eastus-1` with the usual labels and no taint. */
export function aNodeForPods(overrides: Partial<NodeForPods> = {}): NodeForPods {
  const { nodeName = "node-b", labels = {}, taints = [] } = overrides;
  return {
    nodeName,
    labels: { "kubernetes.io/hostname": nodeName, "topology.kubernetes.io/zone": "eastus-1", ...labels },
    taints,
  };
}

/** Another pod of the same application, on a node of `aNodeForPods`. */
export function aNeighbour(nodeName: string, overrides: Partial<NeighbourPod> = {}): NeighbourPod {
  return {
    namespace: "default",
    name: "db-1",
    labels: { app: "db" },
    nodeLabels: aNodeForPods({ nodeName }).labels,
    podAntiAffinity: [],
    ...overrides,
  };
}

/** A rule about pods labelled `app=db` of namespace `default`, by node. */
export function aTerm(overrides: Partial<PodAffinityTerm> = {}): PodAffinityTerm {
  return {
    topologyKey: "kubernetes.io/hostname",
    selector: [{ key: "app", operator: "In", values: ["db"] }],
    namespaces: ["default"],
    ...overrides,
  };
}

/** The placement of a volume that one pod uses. */
export function aPlacement(overrides: Partial<VolumePlacement> = {}): VolumePlacement {
  return { pods: [aPod()], neighbours: [], ...overrides };
}
