import type {
  Labels,
  NodeSelectorTerm,
  PodAffinityTerm,
  PodRules,
  Requirement,
  SpreadConstraint,
} from "../../../core/schedule/pod-rules.ts";

/** The part of core/v1 PodSpec that decides where a pod may run. */
export interface PodSpecRules {
  readonly nodeSelector?: Labels | null;
  readonly tolerations?:
    | readonly {
        readonly key?: string;
        readonly operator?: string;
        readonly value?: string;
        readonly effect?: string;
      }[]
    | null;
  readonly affinity?: {
    readonly nodeAffinity?: {
      readonly requiredDuringSchedulingIgnoredDuringExecution?: {
        readonly nodeSelectorTerms?: readonly WireNodeTerm[] | null;
      };
    };
    readonly podAffinity?: WirePodTerms;
    readonly podAntiAffinity?: WirePodTerms;
  };
  readonly topologySpreadConstraints?: readonly WireSpreadConstraint[] | null;
}

/** core/v1 TopologySpreadConstraint. */
interface WireSpreadConstraint {
  readonly topologyKey: string;
  readonly whenUnsatisfiable: string;
  readonly maxSkew: number;
  readonly minDomains?: number | null;
  readonly labelSelector?: WirePodTerm["labelSelector"] | null;
  readonly matchLabelKeys?: readonly string[] | null;
  readonly nodeAffinityPolicy?: string | null;
  readonly nodeTaintsPolicy?: string | null;
}

interface WirePodTerms {
  readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly WirePodTerm[] | null;
}

interface WireRequirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[] | null;
}

/** core/v1 NodeSelectorTerm. */
export interface WireNodeTerm {
  readonly matchExpressions?: readonly WireRequirement[] | null;
  readonly matchFields?: readonly WireRequirement[] | null;
}

interface WirePodTerm {
  readonly topologyKey: string;
  readonly labelSelector?: {
    readonly matchLabels?: Labels | null;
    readonly matchExpressions?: readonly WireRequirement[] | null;
  };
  readonly namespaces?: readonly string[] | null;
  readonly namespaceSelector?: object;
}

export function readPodRules(
  spec: PodSpecRules,
  pod: Pick<PodRules, "namespace" | "name" | "labels">,
): PodRules {
  const { affinity } = spec;
  return {
    ...pod,
    nodeSelector: spec.nodeSelector ?? {},
    nodeAffinity:
      affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms?.map(
        readNodeTerm,
      ),
    tolerations: (spec.tolerations ?? []).map(({ key = "", operator = "", value = "", effect = "" }) => ({
      key,
      operator,
      value,
      effect,
    })),
    podAffinity: readPodTerms(affinity?.podAffinity, pod.namespace),
    podAntiAffinity: readPodAntiAffinity(spec, pod.namespace),
    spread: readSpread(spec, pod.labels),
  };
}

/** The pods that a pod of that namespace must not share a place with. */
export function readPodAntiAffinity(
  { affinity }: PodSpecRules,
  namespace: string,
): readonly PodAffinityTerm[] {
  return readPodTerms(affinity?.podAntiAffinity, namespace);
}

/** Alternatives of a node selector; none matches no node. */
export function readNodeTerms(
  terms: readonly WireNodeTerm[] | null | undefined,
): readonly NodeSelectorTerm[] {
  return (terms ?? []).map(readNodeTerm);
}

/**
 * Without defaults of the scheduler's configuration, which Kubernetes sets to `ScheduleAnyway`. A label key
 * that the pod does not have is left out, and one that the API server has merged already selects the same.
 */
function readSpread(
  { topologySpreadConstraints }: PodSpecRules,
  labels: Labels,
): readonly SpreadConstraint[] {
  return (topologySpreadConstraints ?? [])
    .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === "DoNotSchedule")
    .map((constraint) => {
      const selector = readSelector(constraint.labelSelector ?? undefined);
      const sameLabels = (constraint.matchLabelKeys ?? []).flatMap((key) =>
        Object.hasOwn(labels, key) ? { key, operator: "In", values: [labels[key] ?? ""] } : [],
      );
      return {
        topologyKey: constraint.topologyKey,
        maxSkew: constraint.maxSkew,
        minDomains: constraint.minDomains ?? 1,
        selector: selector === undefined ? undefined : [...selector, ...sameLabels],
        honorsAffinity: constraint.nodeAffinityPolicy !== "Ignore",
        honorsTaints: constraint.nodeTaintsPolicy === "Honor",
      };
    });
}

function readNodeTerm({ matchExpressions, matchFields }: WireNodeTerm): NodeSelectorTerm {
  return { matchExpressions: readRequirements(matchExpressions), matchFields: readRequirements(matchFields) };
}

function readRequirements(
  requirements: readonly WireRequirement[] | null | undefined,
): readonly Requirement[] {
  return (requirements ?? []).map(({ key, operator, values }) => ({ key, operator, values: values ?? [] }));
}

/** The API server has merged `matchLabelKeys` into the selector when the pod was created. */
function readPodTerms(terms: WirePodTerms | undefined, ownNamespace: string): readonly PodAffinityTerm[] {
  return (terms?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => ({
    topologyKey: term.topologyKey,
    selector: readSelector(term.labelSelector),
    namespaces: namespacesOf(term, ownNamespace),
  }));
}

function readSelector(selector: WirePodTerm["labelSelector"]): readonly Requirement[] | undefined {
  if (selector === undefined) return undefined;
  const labels = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({
    key,
    operator: "In",
    values: [value],
  }));
  return [...labels, ...readRequirements(selector.matchExpressions)];
}

/**
 * Neither list nor selector means the pod's own namespace. Labels of namespaces are not followed: a
 * selector counts as every namespace, since a rule too many is safer than one missed.
 */
function namespacesOf(
  { namespaces, namespaceSelector }: WirePodTerm,
  ownNamespace: string,
): readonly string[] | undefined {
  if (namespaceSelector !== undefined) return undefined;
  return namespaces === undefined || namespaces === null || namespaces.length === 0
    ? [ownNamespace]
    : namespaces;
}
