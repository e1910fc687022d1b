import type { DeviceSettingName } from "../../src/core/volume/device/device-settings.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { ClusterVolumes } from "../../src/ports/cluster/cluster-volumes.ts";
import type { NodeMarks } from "../../src/ports/cluster/node-marks.ts";
import type { OwnNode } from "../../src/ports/cluster/own-node.ts";
import type { VolumeUsers } from "../../src/ports/cluster/volume-users.ts";
import type { Random } from "../../src/ports/random.ts";
import type { SimMachine } from "../azure/sim-machine.ts";
import type { DriverEndpoints } from "../driver/endpoints.ts";
import type { Gate } from "../driver/gate.ts";
import type { ContainerIo } from "../history/container-io.ts";
import type { CopyHistory } from "../history/copy-history.ts";
import type { SnapshotHistory } from "../history/snapshot-history.ts";
import type { Violation } from "../history/violation.ts";
import type { Trace } from "../trace.ts";
import type { VolumeClass } from "./volume-class.ts";

/**
 * A VolumeSnapshotClass: the region of its snapshots, how long a file system may be frozen, and for how long
 * they are restored while Azure copies them.
 */
export interface SimSnapshotClass {
  readonly location?: string;
  readonly freezeSeconds?: number;
  readonly instantAccessMinutes?: number;
}

/**
 * What a volume is to be made of: a VolumeSnapshot (restore), the volume of another claim (clone), or a
 * snapshot that a person has made in Azure and named in a VolumeSnapshotContent.
 */
export type SimSource =
  | { readonly kind: "VolumeSnapshot"; readonly name: string }
  | { readonly kind: "volume"; readonly volumeName: string }
  | { readonly kind: "foreignSnapshot"; readonly snapshotUri: string };

/** A claim, and the StatefulSet that uses it, of one pod unless several nodes share the volume. */
export interface SimWorkload {
  readonly volumeName: string;
  readonly sizeGiB: number;
  readonly skuName: "Premium_LRS" | "Premium_ZRS" | "PremiumV2_LRS";
  readonly maxShares: number;
  /** `maxMountReplicaCount`. */
  readonly replicas: number;
  readonly access: "mount" | "block";
  /**
   * How many pods, each on a node of its own, write it at once: ReadWriteMany, raw block. Default: one pod,
   * ReadWriteOnce.
   */
  readonly sharedBy?: number;
  /** Host caching. Default: that of the driver. */
  readonly cachingMode?: "None";
  /**
   * The disk, and its zones, of a PersistentVolume that a person has created for the claim. Default: none,
   * the claim is provisioned.
   */
  readonly staticDisk?: { readonly diskUri: string; readonly zones: readonly string[] };
  /** Default: none, the volume is made empty. */
  readonly source?: SimSource;
  /** `device-setting/<path>` of its class, without that prefix. Default: none. */
  readonly deviceSettings?: Readonly<Partial<Record<DeviceSettingName, string>>>;
}

/** A pod as the API server has it. */
export interface SimPod {
  readonly name: string;
  readonly uid: string;
  readonly volumeName: string;
  /** Undefined until it is scheduled. */
  readonly nodeName: string | undefined;
  /** Running once its container has been started for the first time; remains so when that fails. */
  readonly phase: "Pending" | "Running";
  /** Its container runs, according to the last report. */
  readonly isReady: boolean;
  readonly isDeleted: boolean;
}

/** A Node as the API server has it. */
export interface SimNode {
  readonly name: string;
  /** A recreated Node has another one. */
  readonly uid: string;
  /** The resource id of its VM, from its providerID. */
  readonly instanceUri: string;
  readonly isReady: boolean;
  readonly isUnschedulable: boolean;
  /** `node.kubernetes.io/out-of-service`. */
  readonly isOutOfService: boolean;
  /** A controller of the driver has set that mark. */
  readonly isMarkedByDriver: boolean;
  /** How many volumes the driver accepts there; undefined if it is not registered. */
  readonly volumesMax: number | undefined;
}

/** A VolumeAttachment as the API server has it. */
export interface SimVolumeAttachment {
  readonly name: string;
  readonly volumeName: string;
  readonly nodeName: string;
  readonly isAttached: boolean;
  readonly isDeleted: boolean;
}

/** A VolumeSnapshot as the API server has it. */
export interface SimVolumeSnapshot {
  readonly name: string;
  /** The size of the volume of which it was made; undefined until CreateSnapshot has answered. */
  readonly sizeGiB: number | undefined;
  readonly snapshotHandle: string | undefined;
  readonly isReady: boolean;
  readonly isRefused: boolean;
  readonly isDeleted: boolean;
}

/** A process of the driver that follows the cluster. */
export interface ClusterObserver {
  /** Such as `controller-1`; the settings of a view by this name also apply to later processes. */
  readonly processName: string;
  /** Aborted when the process ends: its caches go with it. */
  readonly lifetime: AbortSignal;
  /** Open while the process runs: a paused one receives nothing. Default: always. */
  readonly gate?: Pick<Gate, "isShut" | "passed">;
}

/**
 * One process' connection to the cluster: a view with some delay, and direct reads. Its caches fill by
 * themselves.
 */
export interface ClusterConnection {
  users(): VolumeUsers;
  volumes(): ClusterVolumes;
  marks(): NodeMarks;
  /** The Node of a node plug-in's machine. */
  ownNode(nodeName: string): OwnNode;
}

/** The dependencies of a simulated Kubernetes. */
export interface SimClusterOptions {
  readonly clock: Clock;
  /** A random stream of that name. */
  readonly random: (name: string) => Random;
  readonly trace: Trace;
  readonly endpoints: DriverEndpoints;
  /** The machine of that name now; a recreated one is another. */
  readonly machineOf: (nodeName: string) => SimMachine | undefined;
  /** The resource id of the VM that has a node's name as the cluster is created. */
  readonly instanceUriOf: (nodeName: string) => string;
  /**
   * Calls `listener` with each machine that is created later. Its kubelet starts by itself, as on each
   * machine that exists at the beginning: a cloud's images contain it. An existing Node keeps its uid.
   */
  readonly onMachine: (listener: (machine: SimMachine) => void) => void;
  readonly containers: ContainerIo;
  readonly attach: "kubernetes" | "driver";
  /** Zones as in Azure: `1`. */
  readonly nodes: readonly { readonly name: string; readonly zone: string }[];
  readonly report: (violation: Omit<Violation, "atMs">) => void;
  /** Whether another cluster has a disk of that name, in any case. Default: none has. */
  readonly isTakenByOthers?: (diskName: string) => boolean;
  /** Compares the driver's snapshots with each other. Default: none are compared. */
  readonly snapshots?: SnapshotHistory;
  /** Whether Azure has the disk of a volume. Default: it is not asked. */
  readonly isInAzure?: (volumeId: string) => boolean;
  /** The SKU of a volume's disk in Azure. Default: none is known. */
  readonly skuOf?: (volumeId: string) => string | undefined;
  /** Compares copied volumes with their sources. Default: none are compared. */
  readonly copies?: CopyHistory;
  /** Azure's region in topologies. Default `eastus`. */
  readonly location?: string;
  /**
   * The scheduler extender's result: of these nodes those that can take a volume, with 0 to 10 points
   * each. The scheduler takes the best one nine times out of ten, and any that
   * can take it the tenth. Default: all of them, without points.
   */
  readonly rankNodes?: (
    volumeName: string,
    nodeNames: readonly string[],
  ) => readonly { readonly nodeName: string; readonly score: number }[];
  /** How long pods tolerate a node that is not ready, in milliseconds. Default 300,000, Kubernetes' own. */
  readonly tolerationMs?: number;
  /** Default 10,000, kubelet's own. */
  readonly statusTickMs?: number;
  /** Whether volumes of a deleted Node are detached at once, as from Kubernetes 1.38 on. Default: not. */
  readonly forgetsDeletedNodes?: true | undefined;
}

/** A kind of which a watch cache may be behind: each has its own. */
export type LaggingKind = "Pod" | "Node" | "Claim" | "PersistentVolume" | "VolumeAttachment";

/** An API server whose watch cache is behind. What is started there lists the past, until it catches up. */
export interface LaggingServer {
  restartControllerManager(): void;
  restartSidecars(): void;
  restartKubelet(nodeName: string): void;
  catchUp(): void;
}

/**
 * Kubernetes as far as a volume's life needs it: API objects, the StatefulSet and attach-detach
 * controllers, CSI's sidecars, a scheduler, a kubelet per node, and the cluster's operator. They call CSI
 * in the order of the real ones, retry like them, and see each other's writes late.
 */
export interface SimCluster {
  /** Runs everything until `signal` is aborted. */
  run(signal: AbortSignal): Promise<void>;

  // What users and operators do. Each takes effect at the API server at once.
  /** Creates the claim and the StatefulSet of a workload. A volume's name is never used twice. */
  apply(workload: SimWorkload): void;
  /** 0 pods, or all of the workload's: one, unless nodes share the volume. */
  scale(volumeName: string, pods: 0 | 1): void;
  /**
   * Deletes the pod of a workload; of several the one on `nodeName`, and by default any. `isForced`: the
   * object goes at once, whatever runs.
   */
  deletePod(
    volumeName: string,
    how: { readonly isForced: boolean; readonly nodeName?: string | undefined },
  ): void;
  setUnschedulable(nodeName: string, isUnschedulable: boolean): void;
  /** Cordons a node and evicts its pods. */
  drain(nodeName: string): void;
  setOutOfService(nodeName: string, isOutOfService: boolean): void;
  /**
   * Deletes the Node object, as a cloud provider does once its VM is gone; a running kubelet registers it
   * again at its next tick.
   */
  deleteNode(nodeName: string): void;
  /**
   * Deletes the Node object as soon as its machine has gone, and not before, as a cloud provider's
   * controller does.
   */
  retireNode(nodeName: string): void;
  /** Adds a node that was not among `nodes`; its machine may exist already, or come later. */
  addNode(nodeName: string, zone: string): void;
  /** Requests a larger volume. */
  grow(volumeName: string, sizeGiB: number): void;
  /** Lowers a request that was not granted to a size above the present one. */
  lower(volumeName: string, sizeGiB: number): void;
  /** Requests the VolumeAttributesClass with that policy for a claim that is bound. */
  modify(volumeName: string, volumeClass: VolumeClass): void;
  /**
   * Makes a VolumeSnapshot of a volume that exists, also of one that is in use; `ofClass`: the
   * parameters of its class. A snapshot's name is never used twice.
   */
  snapshot(name: string, volumeName: string, ofClass: SimSnapshotClass): void;
  deleteSnapshot(name: string): void;
  /** Deletes StatefulSet and claim; DeleteVolume follows once no pod uses it. */
  deleteWorkload(volumeName: string): void;
  /**
   * Deletes the VolumeAttachment, and removes its finalizer, as a restored backup or an impatient person
   * does.
   */
  forgetVolumeAttachment(volumeName: string): void;
  /**
   * Deletes the VolumeAttachment of a volume on a node, as an impatient person does: external-attacher
   * then unpublishes, whatever the kubelet has done.
   */
  deleteVolumeAttachment(volumeName: string, nodeName: string): void;

  // Faults of Kubernetes itself.
  /** While false, the kubelet of that node neither sees nor writes anything. */
  setKubeletReachable(nodeName: string, isReachable: boolean): void;
  /** Stops the kubelet (containers continue), or starts it again. */
  setKubeletRunning(nodeName: string, isRunning: boolean): void;
  /**
   * The container runtime of a node loses what it knows of a volume's container, which runs on: for the
   * kubelet it has ended. The answer ends it; undefined if none runs.
   */
  forgetContainer(nodeName: string, volumeName: string): (() => void) | undefined;
  /** While false, the API server does not respond: users and sidecars see errors and stale state. */
  setApiReachable(isReachable: boolean): void;
  /** While false, the API server does not respond to that process of the driver. */
  setProcessReachable(processName: string, isReachable: boolean): void;
  /** How late that process sees what has changed, in milliseconds. Default 0 to 200. */
  setViewDelay(processName: string, delayMs: readonly [min: number, max: number]): void;
  /** While true, that process receives no change at all; its direct reads are answered. */
  holdView(processName: string, isHeld: boolean): void;
  /** CSI's sidecars die at any point, and restart: calls under way are cancelled, and repeated. */
  restartSidecars(): void;
  /** kube-controller-manager is started again: it knows only what the API server shows. */
  restartControllerManager(): void;
  /** One of several API servers does not see any change of these kinds from now on. */
  fallBehind(kinds: readonly LaggingKind[]): LaggingServer;
  /**
   * Takes a backup of etcd. The returned function restores it, and starts Kubernetes' own controllers again;
   * kubelets and sidecars receive no change until they are started again.
   */
  backUp(): () => void;
  /**
   * DeleteVolume is called once for the volume's disk, though its claim exists. The response is judged
   * like any other.
   */
  callDeleteVolume(volumeName: string): void;

  /** A process' connection to the cluster. One per process: a restarted process connects again. */
  connect(observer: ClusterObserver): ClusterConnection;

  // The present state, for checkers.
  readonly workloads: () => readonly SimWorkload[];
  readonly pods: () => readonly SimPod[];
  /** Calls `listener` with each pod as it was, at the moment at which the API server has it no more. */
  onPodGone(listener: (pod: SimPod) => void): void;
  /** Calls `listener` with each change of a Node. */
  onNodeChange(listener: (previous: SimNode | undefined, current: SimNode | undefined) => void): void;
  readonly nodes: () => readonly SimNode[];
  readonly volumeAttachments: () => readonly SimVolumeAttachment[];
  readonly volumeSnapshots: () => readonly SimVolumeSnapshot[];
  /** The disk's URI of a created volume. */
  readonly diskUriOf: (volumeName: string) => string | undefined;
  /** The size of its disk according to its PersistentVolume, in GiB; undefined if there is none. */
  readonly sizeOf: (volumeName: string) => number | undefined;
  /** The size that csi-resizer requested last, in GiB; undefined: it was not granted. */
  readonly grantedTo: (volumeName: string) => number | undefined;
  /** Pods whose containers run on a node, whatever the API server has. */
  readonly containersOn: (
    nodeName: string,
  ) => readonly { readonly podUid: string; readonly volumeName: string; readonly isInApi: boolean }[];
  /**
   * Pods that use their volume on a node: the container runs, or the volume has been published for it and
   * the container is to start, for the first time or again after it has failed. One without a container
   * counts while it is in the API and is not being deleted.
   */
  readonly usersOn: (
    nodeName: string,
  ) => readonly { readonly podUid: string; readonly volumeName: string; readonly isInApi: boolean }[];
  /** When DeleteVolume was first called for a volume, in milliseconds; undefined: never. */
  readonly deletionRequestedAtMs: (volumeId: string) => number | undefined;
  /** When a CreateVolume first returned that volume, in milliseconds; undefined: never. */
  readonly createdAtMs: (volumeId: string) => number | undefined;
  /** How often a workload's pod has become Running on another node than before. */
  readonly failovers: () => number;
  /**
   * What Kubernetes still waits for, a sentence each: pods that do not run, volumes and attachments that
   * are being created or deleted. Empty at rest.
   */
  readonly unfinished: () => readonly string[];
}
