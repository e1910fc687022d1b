import { isSameResourceUri, resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import type { OrchestratorNode } from "../../core/schedule/orchestrator-node.ts";
import { reachesBeyondNode, selectsPod } from "../../core/schedule/pod-fits-node.ts";
import {
  type NeighbourPod,
  type PlacedPod,
  placementUnknown,
  type PodAffinityTerm,
  type PodRules,
  type VolumeAffinity,
} from "../../core/schedule/pod-rules.ts";
import type { VolumePod } from "../../core/schedule/volume-pod.ts";
import type { VolumeUse } from "../../core/schedule/volume-use.ts";
import { kubeletOf } from "../../core/writer/node-silence.ts";
import type { VolumeUsers } from "../../ports/cluster/volume-users.ts";
import type { SourceCache } from "../../ports/store/source-cache.ts";
import type { ApiClient } from "./api/api-client.ts";
import type { ClusterClaim } from "./core/core-claim.ts";
import { type CachedNode, isOutOfService, type Node, readCachedNode } from "./core/core-node.ts";
import { coreResources, readCoreObject } from "./core/core-object-calls.ts";
import type { ClusterPersistentVolume } from "./core/core-persistent-volume.ts";
import type { ClusterPod } from "./core/core-pod.ts";
import {
  type NodeIndex,
  type PersistentVolumeIndex,
  type PodIndex,
  REPELLING,
  REPELLING_WIDELY,
} from "./core/core-sources.ts";
import { createSpreadViews } from "./spread-views.ts";
import { describePod, findUsersNow, type ReadBoundPods } from "./volume-users-now.ts";

interface VolumeUsersCaches {
  readonly pods: Pick<SourceCache<ClusterPod, PodIndex>, "byIndex" | "list" | "hasSynced" | "onChange">;
  readonly claims: Pick<SourceCache<ClusterClaim>, "get" | "hasSynced" | "onChange">;
  readonly persistentVolumes: Pick<
    SourceCache<ClusterPersistentVolume, PersistentVolumeIndex>,
    "get" | "byIndex" | "hasSynced"
  >;
  readonly nodes: Pick<
    SourceCache<CachedNode, NodeIndex>,
    "get" | "list" | "byIndex" | "hasSynced" | "onChange"
  >;
}

/** `VolumeUsers` on Kubernetes: pods, by way of their claims and these claims' PersistentVolumes. */
export function createPodVolumeUsers(options: {
  readonly client: ApiClient;
  readonly caches: VolumeUsersCaches;
  readonly readPods: ReadBoundPods;
}): VolumeUsers {
  const { client, caches, readPods } = options;
  const { pods, claims, persistentVolumes, nodes } = caches;

  const spreadViewOf = createSpreadViews({ pods, nodes });

  const hasSynced = (): boolean => pods.hasSynced() && claims.hasSynced() && persistentVolumes.hasSynced();

  /**
   * The disk behind a claim: "unknown" if the claim is not known, undefined if it has none.
   */
  function diskOf(claimKey: string): { readonly volumeId: string } | "unknown" | undefined {
    const claim = claims.get(claimKey);
    if (claim === undefined) return "unknown";
    if (claim.volumeName === "") return undefined;
    const bound = persistentVolumes.get(claim.volumeName);
    return bound === undefined ? "unknown" : bound.namedDisk;
  }

  /** Claims whose volume the disk is, or was. */
  function claimsOf(volumeId: string): ReadonlySet<string> | undefined {
    if (!persistentVolumes.hasSynced()) return undefined;
    const known = persistentVolumes
      .byIndex("diskKey", resourceUriKey(volumeId))
      .flatMap(({ namedDisk }) => namedDisk?.claim ?? []);
    return known.length === 0
      ? undefined
      : new Set(known.map(({ namespace, name }) => `${namespace}/${name}`));
  }

  function podsUsing(volumeId: string): readonly ClusterPod[] {
    const byClaim = [...(claimsOf(volumeId) ?? [])].flatMap((claim) => pods.byIndex("claim", claim));
    return [...new Set([...byClaim, ...pods.byIndex("diskKey", resourceUriKey(volumeId))])];
  }

  function cachedUse(nodeName: string, volumeId: string): VolumeUse {
    if (!hasSynced()) return { kind: "unknown", because: "pods and claims are still being listed" };
    const there = pods.byIndex("nodeName", nodeName);
    const claimed = claimsOf(volumeId);
    const uses = (claim: string): boolean => {
      const disk = diskOf(claim);
      return disk === "unknown"
        ? claimed?.has(claim) === true
        : disk !== undefined && isSameResourceUri(disk.volumeId, volumeId);
    };
    const users = there.filter(
      (pod) => pod.diskKeys.includes(resourceUriKey(volumeId)) || pod.claims.some(uses),
    );
    if (users.length > 0)
      return {
        kind: "used",
        users: users
          .map((pod) => describePod({ name: nameOf(pod), isTerminating: pod.isTerminating }))
          .toSorted(),
      };
    const unclear =
      claimed === undefined
        ? there.flatMap((pod) => pod.claims).find((claim) => diskOf(claim) === "unknown")
        : undefined;
    return unclear === undefined
      ? { kind: "unused" }
      : { kind: "unknown", because: `nothing is known of claim ${unclear}, which a pod there names` };
  }

  /** The pod with what decides where it may run: its own rules, and those of its volumes. */
  function placed(pod: ClusterPod): readonly PlacedPod[] {
    const { rules, nodeName } = pod;
    if (rules === undefined) return [];
    const nodeLabels = nodes.get(nodeName)?.labels ?? {};
    return [{ ...rules, nodeName, nodeLabels, volumeAffinities: pod.claims.flatMap(affinityOf) }];
  }

  function affinityOf(claimKey: string): readonly VolumeAffinity[] {
    const volumeName = claims.get(claimKey)?.volumeName ?? "";
    const terms = persistentVolumes.get(volumeName)?.nodeAffinity;
    return terms === undefined ? [] : [{ volumeName, terms }];
  }

  function otherVolumesOf(users: readonly ClusterPod[], volumeId: string): readonly string[] {
    const disks = users.flatMap((pod) => pod.claims).map((claim) => diskOf(claim));
    const others = disks.flatMap((disk) => (disk === undefined || disk === "unknown" ? [] : disk.volumeId));
    return [...new Set(others)].filter((other) => !isSameResourceUri(other, volumeId)).toSorted();
  }

  /**
   * Pods that a rule between pods concerns: those that the users' own rules select, and those whose
   * rules select one of the users. Where a node is given, only pods with volumes: those there, and those that
   * may keep the users off it from elsewhere, by rules about a larger place such as a zone.
   */
  function neighboursOf(
    users: readonly PodRules[],
    own: ReadonlySet<ClusterPod>,
    nodeName: string | undefined,
  ): readonly NeighbourPod[] {
    const terms = users.flatMap((user) => [...user.podAffinity, ...user.podAntiAffinity]);
    const candidates =
      nodeName === undefined
        ? [...candidatesFor(terms), ...pods.byIndex("repelling", REPELLING)]
        : [...pods.byIndex("nodeName", nodeName), ...distantCandidatesFor(users)];
    return [...new Set(candidates)]
      .filter(
        (pod) =>
          !own.has(pod) &&
          (terms.some((term) => selectsPod(term, placeOf(pod))) ||
            users.some((user) => pod.podAntiAffinity.some((term) => selectsPod(term, user)))),
      )
      .flatMap(neighbourOf);
  }

  function distantCandidatesFor(users: readonly PodRules[]): readonly ClusterPod[] {
    const terms = users.flatMap((user) => user.podAntiAffinity.filter(reachesBeyondNode));
    return [...candidatesFor(terms), ...pods.byIndex("repelling", REPELLING_WIDELY)].filter(
      ({ rules }) => rules !== undefined,
    );
  }

  function candidatesFor(terms: readonly PodAffinityTerm[]): readonly ClusterPod[] {
    if (terms.some((term) => term.namespaces === undefined)) return pods.list();
    const namespaces = new Set(terms.flatMap((term) => term.namespaces ?? []));
    return [...namespaces].flatMap((namespace) => pods.byIndex("namespace", namespace));
  }

  function neighbourOf(pod: ClusterPod): readonly NeighbourPod[] {
    const node = pod.nodeName === "" ? undefined : nodes.get(pod.nodeName);
    return node === undefined
      ? []
      : [
          {
            ...placeOf(pod),
            name: pod.metadata.name,
            nodeLabels: node.labels,
            podAntiAffinity: pod.podAntiAffinity,
          },
        ];
  }

  async function readNode(nodeName: string, signal: AbortSignal): Promise<CachedNode | undefined> {
    const read = await readCoreObject<Node>(client, coreResources.nodes, nodeName, signal);
    return read.ok && read.value !== undefined ? readCachedNode(read.value) : undefined;
  }

  return {
    on: (request, signal) => findUsersNow({ readPods, claimsOf }, request, signal),
    cachedOn: ({ nodeName, volumeId }) => cachedUse(nodeName, volumeId),
    // Only what was stated counts: a node without an answer is in service, and schedulable.
    isOutOfService: async (nodeName, signal) =>
      isOutOfService((await readNode(nodeName, signal))?.taints ?? []),
    isUnschedulable: async (nodeName, signal) => (await readNode(nodeName, signal))?.isUnschedulable ?? false,
    cachedNode: (nodeName) => orchestratorNode(nodes.get(nodeName), nodes.hasSynced()),
    cachedPods: (volumeId) => (hasSynced() ? podsUsing(volumeId).map(volumePod).toSorted(byName) : undefined),
    cachedNodeNameOf: (instanceUri) =>
      nodes
        .byIndex("instanceUri", resourceUriKey(instanceUri))
        .reduce<CachedNode | undefined>(presentNode, undefined)?.metadata.name,
    cachedPlacement: (volumeId, nodeName) => {
      if (!hasSynced() || !nodes.hasSynced()) return placementUnknown;
      const users = podsUsing(volumeId);
      const placedUsers = users.flatMap(placed);
      return {
        pods: placedUsers,
        neighbours: neighboursOf(placedUsers, new Set(users), nodeName),
        spreadView: spreadViewOf(placedUsers),
      };
    },
    cachedClaimPods: (claim) => {
      if (!hasSynced() || !nodes.hasSynced()) return [];
      return pods.byIndex("claim", claim).flatMap((pod) => (pod.isTerminating ? [] : placed(pod)));
    },
    cachedCompanions: (volumeId) => (hasSynced() ? otherVolumesOf(podsUsing(volumeId), volumeId) : []),
    onChange: (listener) => {
      pods.onChange(({ previous, current }) => {
        if (!isRelevantPodChange(previous, current)) return;
        for (const nodeName of new Set([previous?.nodeName ?? "", current?.nodeName ?? ""]))
          if (nodeName !== "") listener(nodeName, "users");
      });
      claims.onChange(({ key, previous, current }) => {
        if (previous?.volumeName === current?.volumeName) return;
        for (const nodeName of new Set(pods.byIndex("claim", key).map((pod) => pod.nodeName)))
          if (nodeName !== "") listener(nodeName, "users");
      });
      nodes.onChange(({ key, previous, current }) => {
        if (isRelevantNodeChange(previous, current)) listener(key, "node");
      });
    },
  };
}

function volumePod(pod: ClusterPod): VolumePod {
  const { nodeName, isPending, isTerminating } = pod;
  return { name: nameOf(pod), nodeName, isPending, isTerminating };
}

function byName(left: VolumePod, right: VolumePod): number {
  return left.name < right.name ? -1 : 1;
}

function nameOf({ metadata: { namespace, name } }: ClusterPod): string {
  return `${namespace}/${name}`;
}

function placeOf({
  metadata: { namespace },
  labels,
}: ClusterPod): Pick<NeighbourPod, "namespace" | "labels"> {
  return { namespace, labels };
}

/**
 * Which of two Nodes on one VM its kubelet is. One that registers under another name leaves its earlier Node
 * behind, until a person deletes it: no report comes for that one. While both are heard, the one made first
 * counts, so that a Node that names another's VM takes nothing from it.
 */
function presentNode(left: CachedNode | undefined, right: CachedNode): CachedNode {
  if (left === undefined) return right;
  const isLeftHeard = kubeletOf(left) !== "unreachable";
  const isRightHeard = kubeletOf(right) !== "unreachable";
  if (isLeftHeard !== isRightHeard) return isLeftHeard ? left : right;
  const isLeftFirst = left.metadata.creationTimestamp <= right.metadata.creationTimestamp;
  return isLeftFirst === isLeftHeard ? left : right;
}

function orchestratorNode(node: CachedNode | undefined, hasSynced: boolean): OrchestratorNode {
  return {
    isGone: hasSynced && node === undefined,
    isOutOfService: isOutOfService(node?.taints ?? []),
    isMarkedByDriver: node?.isMarkedByDriver ?? false,
    isUnschedulable: node?.isUnschedulable ?? false,
    labels: node?.labels ?? {},
    taints: node?.taints ?? [],
    ...(node === undefined ? {} : { nodeUid: node.metadata.uid }),
    ...(node === undefined || node.instanceUri === "" ? {} : { instanceUri: node.instanceUri }),
  };
}

/** Waiting, running or being deleted makes no difference: it uses its volumes all the same. */
function isRelevantPodChange(previous: ClusterPod | undefined, current: ClusterPod | undefined): boolean {
  const usesVolumes = (previous ?? current)?.rules !== undefined;
  return usesVolumes && (previous?.nodeName ?? "") !== (current?.nodeName ?? "");
}

function isRelevantNodeChange(previous: CachedNode | undefined, current: CachedNode | undefined): boolean {
  const relevant = (node: CachedNode | undefined): string =>
    JSON.stringify([
      node?.metadata.uid,
      node?.instanceUri,
      node?.labels,
      node?.taints,
      node?.isUnschedulable,
      node?.isMarkedByDriver,
    ]);
  return relevant(previous) !== relevant(current);
}
