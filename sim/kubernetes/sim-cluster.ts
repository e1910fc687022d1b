import type { Clock } from "../../src/ports/clock.ts";
import type { ClusterVolumes } from "../../src/ports/cluster/cluster-volumes.ts";
import type { OwnNode } from "../../src/ports/cluster/own-node.ts";
import type { VolumeUsers } from "../../src/ports/cluster/volume-users.ts";
import type { Random } from "../../src/ports/random.ts";
import type { SimMachine } from "../azure/sim-machine.ts";
import type { DriverEndpoints } from "../driver/endpoints.ts";
import type { Gate } from "../driver/gate.ts";
import type { ContainerIo } from "../history/container-io.ts";
import type { Violation } from "../history/violation.ts";
import type { Trace } from "../trace.ts";

/** A claim, and the StatefulSet of one pod that uses it. */
export interface SimWorkload {
  readonly volumeName: string;
  readonly sizeGiB: number;
  readonly skuName: "Premium_LRS" | "Premium_ZRS";
  readonly maxShares: number;
  /** `maxMountReplicaCount`. */
  readonly replicas: number;
  readonly access: "mount" | "block";
  /**
   * The disk, and its zones, of a PersistentVolume that a person has made for the claim. Default: none, the
   * claim is provisioned.
   */
  readonly staticDisk?: { readonly diskUri: string; readonly zones: readonly string[] };
}

/** A pod as the API server has it. */
export interface SimPod {
  readonly name: string;
  readonly uid: string;
  readonly volumeName: string;
  /** Undefined until it is scheduled. */
  readonly nodeName: string | undefined;
  /** Running once its container has been started for the first time; stays so when that fails. */
  readonly phase: "Pending" | "Running";
  /** Its container runs, as far as anybody has heard of it. */
  readonly isReady: boolean;
  readonly isDeleted: boolean;
}

/** A Node as the API server has it. */
export interface SimNode {
  readonly name: string;
  /** A Node that is made again has another one. */
  readonly uid: string;
  /** The resource id of its VM, from its providerID. */
  readonly instanceUri: string;
  readonly isReady: boolean;
  readonly isUnschedulable: boolean;
  /** `node.kubernetes.io/out-of-service`. */
  readonly isOutOfService: boolean;
  /** How many volumes the driver takes there; undefined: it is not registered. */
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

/** A process of the driver that follows the cluster. */
export interface ClusterObserver {
  /**
   * Such as `controller-1`; what is said of a view by this name holds for the processes that come after it,
   * too.
   */
  readonly processName: string;
  /** Aborted when the process ends: its caches go with it. */
  readonly lifetime: AbortSignal;
  /** Open while the process runs: one that stands still hears nothing. Default: always. */
  readonly gate?: Pick<Gate, "isShut" | "passed">;
}

/**
 * What one process of the driver sees of the cluster, some time late, and asks it. Its caches fill by
 * themselves.
 */
export interface ClusterConnection {
  users(): VolumeUsers;
  volumes(): ClusterVolumes;
  /** The Node of a node plug-in's machine. */
  ownNode(nodeName: string): OwnNode;
}

/** What a simulated Kubernetes is made of. */
export interface SimClusterOptions {
  readonly clock: Clock;
  /** A stream of chance of that name. */
  readonly random: (name: string) => Random;
  readonly trace: Trace;
  readonly endpoints: DriverEndpoints;
  /** The machine of that name now; one that was deleted and made anew is another. */
  readonly machineOf: (nodeName: string) => SimMachine | undefined;
  /** The resource id of the VM that has a node's name as the cluster is made. */
  readonly instanceUriOf: (nodeName: string) => string;
  /**
   * Calls `listener` with each machine that is made later on. Its kubelet starts by itself, as does that of
   * each machine there is at the beginning: a cloud's images bring it. A Node that is there already keeps
   * its uid.
   */
  readonly onMachine: (listener: (machine: SimMachine) => void) => void;
  readonly containers: ContainerIo;
  readonly attach: "kubernetes" | "driver";
  /** Zones as in Azure: `1`. */
  readonly nodes: readonly { readonly name: string; readonly zone: string }[];
  readonly report: (violation: Omit<Violation, "atMs">) => void;
  /** Whether another cluster has a disk of that name, in any case. Default: none has. */
  readonly isTakenByOthers?: (diskName: string) => boolean;
  /** Azure's region in topologies. Default `eastus`. */
  readonly location?: string;
  /**
   * What a scheduler extender says: of these nodes those that can take a volume, with 0 to 10 points each.
   * Where it names none, all can. The scheduler takes the best one nine times out of ten, and any that can
   * take it the tenth. Default: all of them, without points.
   */
  readonly rankNodes?: (
    volumeName: string,
    nodeNames: readonly string[],
  ) => readonly { readonly nodeName: string; readonly score: number }[];
  /**
   * How long pods put up with a node that is not ready, in milliseconds. Default 300,000, Kubernetes' own.
   */
  readonly tolerationMs?: number;
  /** Default 10,000, kubelet's own. */
  readonly statusTickMs?: number;
}

/**
 * Kubernetes as far as a volume's life needs it: API objects, the StatefulSet and attach-detach
 * controllers, CSI's sidecars, a scheduler, a kubelet a node, and whoever operates the cluster. They call
 * CSI in the order the real ones do, retry as they do, and see each other's writes late.
 */
export interface SimCluster {
  /** Runs everything until `signal` is aborted. */
  run(signal: AbortSignal): Promise<void>;

  // What users and operators do. Each takes effect at the API server at once.
  /** Makes the claim and the StatefulSet of a workload. A volume's name is never used twice. */
  apply(workload: SimWorkload): void;
  /** 0 or 1 pods. */
  scale(volumeName: string, pods: 0 | 1): void;
  /** Deletes the pod of a workload; `isForced`: the object goes at once, whatever runs. */
  deletePod(volumeName: string, how: { readonly isForced: boolean }): void;
  setUnschedulable(nodeName: string, isUnschedulable: boolean): void;
  /** Cordons a node and evicts its pods. */
  drain(nodeName: string): void;
  setOutOfService(nodeName: string, isOutOfService: boolean): void;
  /**
   * Deletes the Node object, as a cloud provider does once its VM is gone; a kubelet that runs registers it
   * anew at its next tick.
   */
  deleteNode(nodeName: string): void;
  /**
   * Deletes the Node object as soon as its machine has gone, and not before, as a cloud provider's
   * controller does.
   */
  retireNode(nodeName: string): void;
  /**
   * Makes the cluster know of a node that was not among `nodes`; its machine may be there already, or come
   * later.
   */
  addNode(nodeName: string, zone: string): void;
  /** Asks for a larger volume. */
  grow(volumeName: string, sizeGiB: number): void;
  /** Deletes StatefulSet and claim; DeleteVolume follows once nobody uses it. */
  deleteWorkload(volumeName: string): void;
  /**
   * Deletes the VolumeAttachment, and takes its finalizer off: as a restored backup or an impatient person
   * does.
   */
  forgetVolumeAttachment(volumeName: string): void;
  /**
   * Deletes the VolumeAttachment of a volume on a node, as an impatient person does: external-attacher then
   * unpublishes, whatever the kubelet has done.
   */
  deleteVolumeAttachment(volumeName: string, nodeName: string): void;

  // Faults of Kubernetes itself.
  /** While false, the kubelet of that node neither sees nor writes anything. */
  setKubeletReachable(nodeName: string, isReachable: boolean): void;
  /** Stops the kubelet (containers run on), or starts it again. */
  setKubeletRunning(nodeName: string, isRunning: boolean): void;
  /** While false, the API server answers nobody: users and sidecars see errors and grow stale. */
  setApiReachable(isReachable: boolean): void;
  /** While false, the API server does not answer that process of the driver. */
  setProcessReachable(processName: string, isReachable: boolean): void;
  /** How late that process sees what has changed, in milliseconds. Default 0 to 200. */
  setViewDelay(processName: string, delayMs: readonly [min: number, max: number]): void;
  /** While true, that process hears of no change at all; what it asks past its caches is answered. */
  holdView(processName: string, isHeld: boolean): void;
  /**
   * CSI's sidecars die in the middle of whatever they do, and start again: calls under way are cancelled,
   * and made again.
   */
  restartSidecars(): void;
  /**
   * DeleteVolume is called once for the volume's disk, though its claim is there. The answer is judged as
   * any other.
   */
  callDeleteVolume(volumeName: string): void;

  /**
   * How a process of the driver follows the cluster. One a process: a process that is started again
   * connects again.
   */
  connect(observer: ClusterObserver): ClusterConnection;

  // The truth of this moment, for checkers.
  readonly workloads: () => readonly SimWorkload[];
  readonly pods: () => readonly SimPod[];
  readonly nodes: () => readonly SimNode[];
  readonly volumeAttachments: () => readonly SimVolumeAttachment[];
  /** The disk's URI of a volume that has been created. */
  readonly diskUriOf: (volumeName: string) => string | undefined;
  /** The size of its disk as its PersistentVolume says, in GiB; undefined: it has none. */
  readonly sizeOf: (volumeName: string) => number | undefined;
  /** Pods whose containers run on a node, whatever the API server thinks. */
  readonly containersOn: (
    nodeName: string,
  ) => readonly { readonly podUid: string; readonly volumeName: string; readonly isInApi: boolean }[];
  /**
   * Pods that use their volume on a node: the container runs, or the volume has been published for it and
   * the container is to start, for the first time or again after it has failed. One that has no container
   * yet counts while it is in the API, and is not being deleted.
   */
  readonly usersOn: (
    nodeName: string,
  ) => readonly { readonly podUid: string; readonly volumeName: string; readonly isInApi: boolean }[];
  /** When DeleteVolume was first called for a volume, in milliseconds; undefined: never. */
  readonly deletionAskedAtMs: (volumeId: string) => number | undefined;
  /** Whether a CreateVolume has ever answered that volume. */
  readonly wasCreated: (volumeId: string) => boolean;
  /** How often a workload's pod has become Running on another node than before. */
  readonly failovers: () => number;
  /**
   * What Kubernetes still waits for, a sentence each: pods that do not run, volumes and attachments on
   * their way in or out. Empty at rest.
   */
  readonly unsettled: () => readonly string[];
}
