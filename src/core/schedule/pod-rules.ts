/** Labels of a node, a pod or any other object. */
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
  /**
   * What a place is: the label of nodes that have the same value, such as `kubernetes.io/hostname` or
   * `topology.kubernetes.io/zone`.
   */
  readonly topologyKey: string;
  /**
   * Conditions on the other pod's labels, `matchLabels` as `In`; undefined selects no pod, an empty list
   * every pod.
   */
  readonly selector: readonly Requirement[] | undefined;
  /** Namespaces of the other pod; undefined: all of them. */
  readonly namespaces: readonly string[] | undefined;
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
  readonly pods: readonly PodRules[];
  /** Pods of other volumes, or of none, that a rule between pods concerns. */
  readonly neighbours: readonly NeighbourPod[];
}

/** The placement of a volume without known users. */
export const placementUnknown: VolumePlacement = { pods: [], neighbours: [] };
