import { isSameResourceUri } from "../../../src/core/azure/ids/disk-uri.ts";
import { isBeingDrained } from "../../../src/core/node/node-taints.ts";
import type { OrchestratorNode } from "../../../src/core/schedule/orchestrator-node.ts";
import { nothingSpread, type PlacedPod, type Taint } from "../../../src/core/schedule/pod-rules.ts";
import type { VolumePod } from "../../../src/core/schedule/volume-pod.ts";
import type { VolumeUse } from "../../../src/core/schedule/volume-use.ts";
import type { VolumeUsers } from "../../../src/ports/cluster/volume-users.ts";
import { type ApiChange, type Node, OUT_OF_SERVICE, type Pod, taintsOf } from "../api/api-objects.ts";
import type { ApiServer } from "../api/api-server.ts";
import type { ApiView } from "../api/api-view.ts";
import type { CallApi } from "./call-api.ts";

/** Kubernetes gives every pod these two. */
const TOLERATIONS = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"].map((key) => ({
  key,
  operator: "Exists",
  value: "",
  effect: "NoExecute",
}));
const LISTING = "pods and claims are still being listed";

/** `VolumeUsers` from a process' cache and from direct reads; the same results as `adapters/kubernetes`. */
export function createVolumeUsers(view: ApiView, api: ApiServer, callApi: CallApi): VolumeUsers {
  function cachedOn({
    nodeName,
    volumeId,
  }: {
    readonly nodeName: string;
    readonly volumeId: string;
  }): VolumeUse {
    if (!view.hasSynced()) return { kind: "unknown", because: LISTING };
    const there = podsOn(view.list("Pod"), nodeName);
    const users = there.filter((pod) => isSameDisk(diskOf(pod), volumeId));
    if (users.length > 0) return used(users);
    const isKnown = [...view.list("PersistentVolume")].some((volume) =>
      isSameDisk(volume.volumeId, volumeId),
    );
    const unclear = isKnown ? undefined : there.find((pod) => diskOf(pod) === "unknown");
    return unclear === undefined
      ? { kind: "unused" }
      : {
          kind: "unknown",
          because: `nothing is known of claim ${unclear.volumeName}, which a pod there names`,
        };
  }

  /** "unknown" if the claim or its volume is not in the cache; undefined if the pod has none. */
  function diskOf(pod: Pod): string | undefined {
    const claim = view.get("Claim", pod.volumeName);
    if (claim === undefined) return view.get("PersistentVolume", pod.volumeName)?.volumeId ?? "unknown";
    if (!claim.isBound) return undefined;
    return view.get("PersistentVolume", pod.volumeName)?.volumeId ?? "unknown";
  }

  function podsUsing(volumeId: string): readonly Pod[] {
    return view.hasSynced() ? [...view.list("Pod")].filter((pod) => isSameDisk(diskOf(pod), volumeId)) : [];
  }

  return {
    on: async ({ nodeName, volumeId }, signal) => {
      const read = await callApi(
        () =>
          podsOn(api.list("Pod"), nodeName).filter((pod) =>
            isSameDisk(api.get("PersistentVolume", pod.volumeName)?.volumeId, volumeId),
          ),
        signal,
      );
      if (!read.ok)
        return {
          kind: "unknown",
          because: read.failure.kind === "StoreUnavailable" ? read.failure.detail : read.failure.kind,
        };
      return read.value.length > 0 ? used(read.value) : { kind: "unused" };
    },
    cachedOn,
    isOutOfService: async (nodeName, signal) => {
      const read = await callApi(() => api.get("Node", nodeName)?.isOutOfService === true, signal);
      return read.ok && read.value;
    },
    isUnschedulable: async (nodeName, signal) => {
      const read = await callApi(() => {
        const node = api.get("Node", nodeName);
        return node !== undefined && isBeingDrained(taintsOf(node));
      }, signal);
      return read.ok && read.value;
    },
    cachedNode: (nodeName) => orchestratorNode(view.get("Node", nodeName), view.hasSynced()),
    cachedPods: (volumeId) => (view.hasSynced() ? podsUsing(volumeId).map(volumePod) : undefined),
    cachedNodeNameOf: (instanceUri) => {
      const nodes = [...view.list("Node")].filter((node) => isSameResourceUri(node.instanceUri, instanceUri));
      return (nodes.find(({ isReady }) => isReady) ?? nodes.at(-1))?.name;
    },
    cachedPlacement: (volumeId) => ({
      pods: podsUsing(volumeId).map(rulesOf),
      neighbours: [],
      spreadView: nothingSpread,
    }),
    cachedClaimPods: (claim) =>
      view.hasSynced()
        ? [...view.list("Pod")]
            .filter(({ volumeName, isDeleted }) => !isDeleted && `default/${volumeName}` === claim)
            .map(rulesOf)
        : [],
    cachedCompanions: () => [],
    onChange: (listener) => {
      view.onChange((change) => {
        for (const nodeName of nodesConcerned(change, view))
          listener(nodeName, change.kind === "Node" ? "node" : "users");
      });
    },
  };
}

function podsOn(pods: Iterable<Pod>, nodeName: string): readonly Pod[] {
  return [...pods].filter((pod) => pod.nodeName === nodeName);
}

function isSameDisk(left: string | undefined, right: string): boolean {
  return left?.toLowerCase() === right.toLowerCase();
}

function used(pods: readonly Pod[]): VolumeUse {
  // As long as no kubelet has reported a container of theirs.
  const areWaiting = pods.every(({ phase }) => phase === "Pending");
  return {
    kind: "used",
    ...(areWaiting ? { areWaiting } : {}),
    users: pods
      .map(({ name, isDeleted }) => `pod default/${name}${isDeleted ? " (being deleted)" : ""}`)
      .toSorted(),
  };
}

function volumePod({ name, nodeName = "", phase, isDeleted }: Pod): VolumePod {
  return { name: `default/${name}`, nodeName, isPending: phase === "Pending", isTerminating: isDeleted };
}

function rulesOf({ name, nodeName = "" }: Pod): PlacedPod {
  return {
    namespace: "default",
    name,
    labels: {},
    nodeSelector: {},
    nodeAffinity: undefined,
    tolerations: TOLERATIONS,
    podAffinity: [],
    podAntiAffinity: [],
    spread: [],
    nodeName,
    nodeLabels: {},
    volumeAffinities: [],
  };
}

function cachedTaints(node: Node): readonly Taint[] {
  return taintsOf(node).map(({ key, value = "", effect = "" }) => ({ key, value, effect }));
}

function orchestratorNode(node: Node | undefined, hasSynced: boolean): OrchestratorNode {
  if (node === undefined)
    return { isGone: hasSynced, isOutOfService: false, isUnschedulable: false, labels: {}, taints: [] };
  const taints = cachedTaints(node);
  return {
    isGone: false,
    isOutOfService: taints.some(({ key }) => key === OUT_OF_SERVICE),
    isMarkedByDriver: node.isMarkedByDriver,
    isUnschedulable: isBeingDrained(taints),
    labels: node.labels,
    taints,
    ...(node.instanceUri === "" ? {} : { instanceUri: node.instanceUri }),
    nodeUid: node.uid,
  };
}

/**
 * Nodes that a change of the cache concerns. Whether a pod waits, runs or is being deleted does not
 * matter: it uses its volumes in each case.
 */
function nodesConcerned(change: ApiChange, view: ApiView): readonly string[] {
  if (change.kind === "Pod") {
    const { previous, current } = change;
    return previous?.nodeName === current?.nodeName
      ? []
      : [previous?.nodeName, current?.nodeName].flatMap((nodeName) => nodeName ?? []);
  }
  if (change.kind === "Claim" && change.previous?.isBound !== change.current?.isBound)
    return [...view.list("Pod")]
      .filter((pod) => pod.volumeName === change.name)
      .flatMap(({ nodeName }) => nodeName ?? []);
  if (change.kind !== "Node") return [];
  const relevant = (node: Node | undefined): string =>
    JSON.stringify(
      node === undefined ? undefined : [node.uid, node.labels, taintsOf(node), node.isMarkedByDriver],
    );
  return relevant(change.previous) === relevant(change.current) ? [] : [change.name];
}
