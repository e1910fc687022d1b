import type { Labels, Taint, VolumePlacement } from "../../core/schedule/pod-rules.ts";
import type { VolumePod } from "../../core/schedule/volume-pod.ts";

/**
 * Who uses a volume on a node. `areWaiting`: no container of any user has ever run, as far as the
 * orchestrator has been told; left out where it can't say so. `unknown`: nobody can tell now, and why,
 * where that is known; never treated as unused.
 */
export type VolumeUse =
  | { readonly kind: "used"; readonly users: readonly string[]; readonly areWaiting?: true }
  | { readonly kind: "unused" }
  | { readonly kind: "unknown"; readonly because?: string };

/** What an orchestrator says of a node. */
export interface OrchestratorNode {
  /** It has had no node of that name since its nodes are known; false where there is nobody to say so. */
  readonly isGone: boolean;
  /** Its workloads are dead or will be killed. */
  readonly isOutOfService: boolean;
  readonly isUnschedulable: boolean;
  readonly labels: Labels;
  readonly taints: readonly Taint[];
  /** The resource id of its VM; undefined where the orchestrator does not know it. */
  readonly instanceUri?: string;
  /**
   * The uid of its object; undefined where the orchestrator gives its tokens none. An object that is made
   * again has another one.
   */
  readonly nodeUid?: string;
}

/**
 * What the orchestrator knows of a volume's users. On Kubernetes: pods bound to the node that use the claim
 * and whose phase is neither Succeeded nor Failed (a deletion timestamp changes nothing).
 */
export interface VolumeUsers {
  /** Asks now, past every cache. */
  on(
    request: { readonly nodeName: string; readonly volumeId: string },
    signal: AbortSignal,
  ): Promise<VolumeUse>;
  /** What a cache says; a hint for whether asking is worth while. */
  cachedOn(request: { readonly nodeName: string; readonly volumeId: string }): VolumeUse;
  /**
   * Whether the orchestrator says that the node is out of service: its workloads are dead or will be killed
   * (`node.kubernetes.io/out-of-service`).
   */
  isOutOfService(nodeName: string, signal: AbortSignal): Promise<boolean>;
  /** What a cache says of a node. */
  cachedNode(nodeName: string): OrchestratorNode;
  /**
   * The pods that use a volume, on any node or on none yet, as a cache shows them; sorted by name. Empty
   * where there are no pods; undefined while they are still being listed.
   */
  cachedPods(volumeId: string): readonly VolumePod[] | undefined;
  /**
   * The node of which the orchestrator says that it runs on the VM with this resource id; undefined where
   * it says so of none.
   */
  cachedNodeNameOf(instanceUri: string): string | undefined;
  /**
   * What a cache says of who uses a volume anywhere, and where else they could run: for placing replicas.
   * Looks through the pods of the cluster.
   */
  cachedPlacement(volumeId: string): VolumePlacement;
  /**
   * Calls `listener` with the node's name whenever what the cache says of a node or of its users has
   * changed.
   */
  onChange(listener: (nodeName: string) => void): void;
}
