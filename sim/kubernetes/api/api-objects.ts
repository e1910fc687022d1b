import type { NodeTaint } from "../../../src/core/node/node-taints.ts";
import type { Labels } from "../../../src/core/schedule/pod-rules.ts";
import type { SimWorkload } from "../sim-cluster.ts";
import type { VolumeClass } from "../volume-class.ts";

/** A pod of a workload: its only one, unless nodes share the volume. */
export interface Pod {
  readonly name: string;
  readonly uid: string;
  readonly volumeName: string;
  readonly nodeName: string | undefined;
  readonly phase: "Pending" | "Running";
  readonly isReady: boolean;
  /** Its kubelet reports that no container of it runs any more, and none will. */
  readonly isStopped: boolean;
  readonly isDeleted: boolean;
}

/** A Node, with what CSINode says about the driver there. */
export interface Node {
  readonly name: string;
  readonly uid: string;
  /** As Azure's cloud provider sets them. */
  readonly labels: Labels;
  /** Such as `1`; empty: none. */
  readonly zone: string;
  /** The resource id of its VM, from its providerID. */
  readonly instanceUri: string;
  readonly isReady: boolean;
  readonly isUnschedulable: boolean;
  readonly isOutOfService: boolean;
  /** A controller of the driver has set that mark. */
  readonly isMarkedByDriver: boolean;
  /** Taints that no field above represents. */
  readonly otherTaints: readonly NodeTaint[];
  /** Names of volumes, sorted. Only the kubelet writes them. */
  readonly volumesInUse: readonly string[];
  /** Names of volumes, sorted. Only the attach-detach controller writes them. */
  readonly volumesAttached: readonly string[];
  /** How many volumes the driver accepts there; undefined if it is not registered. */
  readonly volumesMax: number | undefined;
}

/** The StatefulSet of a workload, under the volume's name. */
export interface StatefulSet {
  readonly name: string;
  /** Whether its pods are requested. */
  readonly pods: 0 | 1;
  /** How many these are. */
  readonly members: number;
}

/** The claim of a workload, under the volume's name. */
export interface Claim {
  readonly name: string;
  readonly uid: string;
  readonly workload: SimWorkload;
  /** The requested size. */
  readonly sizeGiB: number;
  /** The size that its pods have. */
  readonly capacityGiB: number;
  /** The requested VolumeAttributesClass; undefined: none is requested. */
  readonly volumeClass: VolumeClass | undefined;
  /** The node for which the scheduler requests the volume. */
  readonly selectedNode: string | undefined;
  readonly isBound: boolean;
  readonly isDeleted: boolean;
}

/** The PersistentVolume of a workload, under the volume's name. */
export interface PersistentVolume {
  readonly name: string;
  readonly uid: string;
  readonly volumeId: string;
  readonly claimUid: string;
  readonly workload: SimWorkload;
  readonly volumeContext: Readonly<Record<string, string>>;
  readonly sizeGiB: number;
  /** The VolumeAttributesClass that was applied last; undefined: none was. */
  readonly volumeClass: VolumeClass | undefined;
  /** The zones in which it can be attached, empty for nodes without one; undefined: all. */
  readonly zones: readonly string[] | undefined;
  /** external-attacher's finalizer. */
  readonly isKeptByAttacher: boolean;
  readonly isDeleted: boolean;
}

/** A VolumeAttachment. */
export interface VolumeAttachment {
  readonly name: string;
  readonly uid: string;
  readonly volumeName: string;
  readonly nodeName: string;
  readonly isAttached: boolean;
  readonly publishContext: Readonly<Record<string, string>>;
  /** external-attacher's finalizer. */
  readonly isKeptByAttacher: boolean;
  readonly isDeleted: boolean;
  /** `status.attachError` or `status.detachError`: why the last attempt failed. */
  readonly error: string | undefined;
}

/** A VolumeSnapshot with its VolumeSnapshotContent. */
export interface VolumeSnapshot {
  readonly name: string;
  /** The disk. */
  readonly sourceVolumeId: string;
  /** The region in its class; undefined: none. */
  readonly location: string | undefined;
  /** How long its class lets the file system be frozen; undefined: not at all. */
  readonly freezeSeconds: number | undefined;
  /** How long Azure restores it while its copy runs; undefined: not before that is complete. */
  readonly instantAccessMinutes: number | undefined;
  /** Undefined until CreateSnapshot has answered. */
  readonly snapshotHandle: string | undefined;
  /** `status.restoreSize`; undefined until then. */
  readonly sizeGiB: number | undefined;
  readonly isReady: boolean;
  /** csi-snapshotter's annotation: a CreateSnapshot may have done something. */
  readonly isBeingCreated: boolean;
  /** CreateSnapshot was refused for good the last time. */
  readonly isRefused: boolean;
  readonly isDeleted: boolean;
}

/** The kinds that the API server stores, and the type of each. */
export interface ApiKinds {
  readonly Pod: Pod;
  readonly Node: Node;
  readonly StatefulSet: StatefulSet;
  readonly Claim: Claim;
  readonly PersistentVolume: PersistentVolume;
  readonly VolumeAttachment: VolumeAttachment;
  readonly VolumeSnapshot: VolumeSnapshot;
}

/** The name of a kind. */
export type ApiKind = keyof ApiKinds;

/** A change of one object: without `previous` it was created, without `current` it was deleted. */
export type ApiChange = {
  readonly [K in ApiKind]: {
    readonly kind: K;
    readonly name: string;
    readonly previous: ApiKinds[K] | undefined;
    readonly current: ApiKinds[K] | undefined;
  };
}[ApiKind];

/** The pod of a workload, of several the one of that place: its StatefulSet gives each the same name. */
export function podNameOf(volumeName: string, place = 0): string {
  return `${volumeName}-${place}`;
}

/** The names of a StatefulSet's pods. */
export function podNamesOf({ name, members }: StatefulSet): readonly string[] {
  return Array.from({ length: members }, (_, place) => podNameOf(name, place));
}

/**
 * The VolumeAttachment of a volume on a node. Kubernetes derives its name from these two, so that there is
 * never more than one.
 */
export function volumeAttachmentNameOf(volumeName: string, nodeName: string): string {
  return `csi-${volumeName}-${nodeName}`;
}

/** What Azure's cloud provider states instead of a zone where a VM has none. */
const FAULT_DOMAIN = "0";

/** A Node that a kubelet has just registered. */
export function newNode({
  name,
  uid,
  zone,
  location,
  instanceUri,
}: {
  readonly name: string;
  readonly uid: string;
  readonly zone: string;
  readonly location: string;
  readonly instanceUri: string;
}): Node {
  return {
    name,
    uid,
    labels: {
      "kubernetes.io/hostname": name,
      "topology.kubernetes.io/region": location,
      "topology.kubernetes.io/zone": zone === "" ? FAULT_DOMAIN : `${location}-${zone}`,
    },
    zone,
    instanceUri,
    isReady: true,
    isUnschedulable: false,
    isOutOfService: false,
    isMarkedByDriver: false,
    otherTaints: [],
    volumesInUse: [],
    volumesAttached: [],
    volumesMax: undefined,
  };
}

/** All taints of a node. */
export function taintsOf(node: Node): readonly NodeTaint[] {
  return [
    ...(node.isUnschedulable ? [{ key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" }] : []),
    ...(node.isReady
      ? []
      : ["NoSchedule", "NoExecute"].map((effect) => ({ key: "node.kubernetes.io/unreachable", effect }))),
    ...(node.isOutOfService ? [{ key: OUT_OF_SERVICE, value: "nodeshutdown", effect: "NoExecute" }] : []),
    ...node.otherTaints,
  ];
}

/** Set by an operator to declare that the node is down for good. */
export const OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";
