import {
  type CountedPod,
  type NeighbourPod,
  type NodeForPods,
  nothingSpread,
  type PlacedPod,
  type PodAffinityTerm,
  type SpreadConstraint,
  type SpreadView,
  type VolumePlacement,
} from "../pod-rules.ts";

/** A pod `default/db-0` on node-a that may run anywhere. */
export function aPod(overrides: Partial<PlacedPod> = {}): PlacedPod {
  return {
    namespace: "default",
    name: "db-0",
    labels: { app: "db" },
    nodeSelector: {},
    nodeAffinity: undefined,
    tolerations: [],
    podAffinity: [],
    podAntiAffinity: [],
    spread: [],
    nodeName: "node-a",
    nodeLabels: {},
    volumeAffinities: [],
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

/** At most one pod labelled `app=db` more in a zone than in another one. */
export const zoneSpread: SpreadConstraint = {
  topologyKey: "topology.kubernetes.io/zone",
  maxSkew: 1,
  minDomains: 1,
  selector: [{ key: "app", operator: "In", values: ["db"] }],
  honorsAffinity: true,
  honorsTaints: false,
};

/** Nodes by the last part of their zone, and other pods labelled `app=db` on some of them. */
export function aSpreadView(
  zones: Readonly<Record<string, string>>,
  podsOn: readonly string[],
  overrides: Partial<CountedPod> = {},
): SpreadView {
  return {
    nodes: Object.entries(zones).map(([nodeName, zone]) =>
      aNodeForPods({ nodeName, labels: { "topology.kubernetes.io/zone": `eastus-${zone}` } }),
    ),
    pods: podsOn.map((nodeName, index) => ({
      namespace: "default",
      name: `db-${index + 1}`,
      labels: { app: "db" },
      nodeName,
      isTerminating: false,
      ...overrides,
    })),
  };
}

/** The placement of a volume that one pod uses. */
export function aPlacement(overrides: Partial<VolumePlacement> = {}): VolumePlacement {
  return { pods: [aPod()], neighbours: [], spreadView: nothingSpread, ...overrides };
}
