export type Labels = Readonly<Record<string, string>>;

/** A taint of a node (core/v1 Taint). */
export interface Taint {
  readonly key: string;
  readonly value: string;
  /** `NoSchedule`, `PreferNoSchedule` or `NoExecute`. */
  readonly effect: string;
}

/** What a pod tolerates (core/v1 Toleration); empty strings where it states nothing. */
export interface Toleration {
  /** Empty: every key. */
  readonly key: string;
  /** `Exists`, `Equal`, `Lt` or `Gt`; empty is `Equal`. */
  readonly operator: string;
  readonly value: string;
  /** Empty: every effect. */
  readonly effect: string;
}

/** One condition on a label or a field. */
export interface Requirement {
  readonly key: string;
  /** `In`, `NotIn`, `Exists`, `DoesNotExist`; of nodes also `Gt` and `Lt`. */
  readonly operator: string;
  readonly values: readonly string[];
}

/** One of the alternatives of a required node affinity: all of its conditions must hold. */
export interface NodeSelectorTerm {
  readonly matchExpressions: readonly Requirement[];
  /** Kubernetes knows one field, `metadata.name`. */
  readonly matchFields: readonly Requirement[];
}

/** One required rule on which pods may, must or must not run in the same place. */
export interface PodAffinityTerm {
  /** The label of nodes whose value is a place, such as `kubernetes.io/hostname`. */
  readonly topologyKey: string;
  /** Conditions on the other pod's labels (`matchLabels` as `In`); undefined: no pod; empty: every pod. */
  readonly selector: readonly Requirement[] | undefined;
  /** Namespaces of the other pod; undefined: all of them. */
  readonly namespaces: readonly string[] | undefined;
}

/** One rule with `DoNotSchedule` on how pods are spread (core/v1 TopologySpreadConstraint). */
export interface SpreadConstraint {
  /** What a domain is: the nodes with the same value of this label. A node without it is in no domain. */
  readonly topologyKey: string;
  /** How many more pods a domain may have than the one with the fewest; at least 1. */
  readonly maxSkew: number;
  /** While there are fewer domains, the fewest pods count as 0; at least 1. */
  readonly minDomains: number;
  /** Conditions on the labels of the pods that are counted; undefined counts none. */
  readonly selector: readonly Requirement[] | undefined;
  /** Only nodes that meet the pod's node selector and affinity are part of a domain. */
  readonly honorsAffinity: boolean;
  /** Only nodes whose taints the pod tolerates are part of a domain. */
  readonly honorsTaints: boolean;
}

/** What decides where a pod may run: the required part of its scheduling rules, without preferences. */
export interface PodRules {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly nodeSelector: Labels;
  /** Alternatives; undefined: no required node affinity. */
  readonly nodeAffinity: readonly NodeSelectorTerm[] | undefined;
  readonly tolerations: readonly Toleration[];
  readonly podAffinity: readonly PodAffinityTerm[];
  readonly podAntiAffinity: readonly PodAffinityTerm[];
  readonly spread: readonly SpreadConstraint[];
}

/** The nodes on which a PersistentVolume can be used. */
export interface VolumeAffinity {
  readonly volumeName: string;
  /** Alternatives. */
  readonly terms: readonly NodeSelectorTerm[];
}

/** A pod that uses a volume, where it is now. */
export interface PlacedPod extends PodRules {
  /** Empty: it is bound to no node yet. */
  readonly nodeName: string;
  /** Of that node; empty if there is none. */
  readonly nodeLabels: Labels;
  /** Of the PersistentVolumes of all of its claims, of whatever driver, that are not for every node. */
  readonly volumeAffinities: readonly VolumeAffinity[];
}

/** A node, as far as it keeps pods off. */
export interface NodeForPods {
  readonly nodeName: string;
  readonly labels: Labels;
  readonly taints: readonly Taint[];
}

/** A pod that a spread constraint may count. */
export interface CountedPod {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  /** Empty: it is bound to no node yet. */
  readonly nodeName: string;
  /** Marked for deletion: it is not counted. */
  readonly isTerminating: boolean;
}

/** What spread constraints are about. */
export interface SpreadView {
  /** All nodes of the cluster: the same list for as long as nothing of it has changed. */
  readonly nodes: readonly NodeForPods[];
  /** All pods that the constraints count, the volume's own included. */
  readonly pods: readonly CountedPod[];
}

/** Another pod, where it runs. */
export interface NeighbourPod {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  /** Labels of the node that it runs on. */
  readonly nodeLabels: Labels;
  readonly podAntiAffinity: readonly PodAffinityTerm[];
}

/** The pods that use a volume now, and what decides where else they could run. */
export interface VolumePlacement {
  /** Empty: no pod uses the volume now, so nothing is known of where it will be needed. */
  readonly pods: readonly PlacedPod[];
  /** Pods of other volumes, or of none, that a rule between pods concerns. */
  readonly neighbours: readonly NeighbourPod[];
  /** Empty where none of the pods has a spread constraint. */
  readonly spreadView: SpreadView;
}

/** What is counted for pods without spread constraints. */
export const nothingSpread: SpreadView = { nodes: [], pods: [] };

/** The placement of a volume without known users. */
export const placementUnknown: VolumePlacement = { pods: [], neighbours: [], spreadView: nothingSpread };
