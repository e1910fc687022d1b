import type { ClusterVolumes } from "../../src/ports/cluster-volumes.ts";
import type { VolumeUsers } from "../../src/ports/volume-users.ts";

/** A claim, and the StatefulSet of one pod that uses it. */
export interface SimWorkload {
  readonly volumeName: string;
  readonly sizeGiB: number;
  readonly skuName: "Premium_LRS" | "Premium_ZRS";
  readonly maxShares: number;
  /** `maxMountReplicaCount`. */
  readonly replicas: number;
  readonly access: "mount" | "block";
}

/** A pod as the API server has it. */
export interface SimPod {
  readonly name: string;
  readonly uid: string;
  readonly volumeName: string;
  /** Undefined until it is scheduled. */
  readonly nodeName: string | undefined;
  readonly phase: "Pending" | "Running";
  readonly isDeleted: boolean;
}

/** A Node as the API server has it. */
export interface SimNode {
  readonly name: string;
  readonly isReady: boolean;
  readonly isUnschedulable: boolean;
  /** `node.kubernetes.io/out-of-service`. */
  readonly isOutOfService: boolean;
}

/** A VolumeAttachment as the API server has it. */
export interface SimVolumeAttachment {
  readonly name: string;
  readonly volumeName: string;
  readonly nodeName: string;
  readonly isAttached: boolean;
  readonly isDeleted: boolean;
}

/**
 * Kubernetes as far as a volume's life needs it: API objects, the StatefulSet and attach-detach controllers, CSI's sidecars, a scheduler, a kubelet a node, and whoever operates the
 * cluster. They call CSI in the order the real ones do, retry as they do, and see each other's writes late.
 */
export interface SimCluster {
  /** Runs everything until `signal` is aborted. */
  run(signal: AbortSignal): Promise<void>;

  // What users and operators do. Each takes effect at the API server at once.
  /** Makes the claim and the StatefulSet of a workload. */
  apply(workload: SimWorkload): void;
  /** 0 or 1 pods. */
  scale(volumeName: string, pods: 0 | 1): void;
  /** Deletes the pod of a workload; `isForced`: the object goes at once, whatever runs. */
  deletePod(volumeName: string, how: { readonly isForced: boolean }): void;
  setUnschedulable(nodeName: string, isUnschedulable: boolean): void;
  /** Cordons a node and evicts its pods. */
  drain(nodeName: string): void;
  setOutOfService(nodeName: string, isOutOfService: boolean): void;
  /** Deletes the Node object, as a cloud provider does once its VM is gone; a kubelet that runs registers it anew. */
  deleteNode(nodeName: string): void;
  addNode(nodeName: string): void;
  /** Asks for a larger volume. */
  grow(volumeName: string, sizeGiB: number): void;
  /** Deletes StatefulSet and claim; DeleteVolume follows once nobody uses it. */
  deleteWorkload(volumeName: string): void;
  /** Deletes the VolumeAttachment, and takes its finalizer off: as a restored backup or an impatient person does. */
  forgetVolumeAttachment(volumeName: string): void;

  // Faults of Kubernetes itself.
  /** While false, the kubelet of that node neither sees nor writes anything. */
  setKubeletReachable(nodeName: string, isReachable: boolean): void;
  /** Stops the kubelet (containers run on), or starts it again. */
  setKubeletRunning(nodeName: string, isRunning: boolean): void;
  /** While false, the API server answers nobody: users and sidecars see errors and grow stale. */
  setApiReachable(isReachable: boolean): void;

  // What the driver's processes see of it: each its own view, some time late.
  volumeUsers(processName: string): VolumeUsers;
  clusterVolumes(processName: string): ClusterVolumes;

  // The truth of this moment, for checkers.
  readonly pods: () => readonly SimPod[];
  readonly nodes: () => readonly SimNode[];
  readonly volumeAttachments: () => readonly SimVolumeAttachment[];
  /** The disk's URI of a volume that has been created. */
  readonly diskUriOf: (volumeName: string) => string | undefined;
  /** Pods whose containers run on a node, whatever the API server thinks. */
  readonly containersOn: (nodeName: string) => readonly { readonly podUid: string; readonly volumeName: string; readonly isInApi: boolean }[];
  /** How often a workload's pod has become Running on another node than before. */
  readonly failovers: () => number;
}
