import type { OrchestratorNode } from "../../core/schedule/orchestrator-node.ts";
import type { PlacedPod, VolumePlacement } from "../../core/schedule/pod-rules.ts";
import type { VolumePod } from "../../core/schedule/volume-pod.ts";
import type { VolumeUse } from "../../core/schedule/volume-use.ts";

/**
 * What the orchestrator knows of a volume's users. On Kubernetes: pods bound to the node that use the claim
 * and whose phase is neither Succeeded nor Failed (a deletion timestamp changes nothing).
 */
export interface VolumeUsers {
  /** Asks now, uncached. */
  on(
    request: { readonly nodeName: string; readonly volumeId: string },
    signal: AbortSignal,
  ): Promise<VolumeUse>;
  /** The cached answer; a hint for whether asking is worth while. */
  cachedOn(request: { readonly nodeName: string; readonly volumeId: string }): VolumeUse;
  /**
   * Whether the orchestrator says that the node is out of service: its workloads are dead or will be killed
   * (`node.kubernetes.io/out-of-service`).
   */
  isOutOfService(nodeName: string, signal: AbortSignal): Promise<boolean>;
  /** Whether the node is unschedulable now, uncached; `false` where that can't be read. */
  isUnschedulable(nodeName: string, signal: AbortSignal): Promise<boolean>;
  /** The cached view of a node. */
  cachedNode(nodeName: string): OrchestratorNode;
  /**
   * The pods that use a volume, on any node or none yet, from a cache; sorted by name. Empty where there
   * are no pods; undefined while they are still being listed.
   */
  cachedPods(volumeId: string): readonly VolumePod[] | undefined;
  /** The node that, by the orchestrator, runs on the VM with this resource id; undefined: none. */
  cachedNodeNameOf(instanceUri: string): string | undefined;
  /**
   * The cached users of a volume anywhere, and where else they could run: for placing replicas. Reads all
   * pods of the cluster. With a `nodeName` only those that could keep the users off that node and have
   * volumes, of whatever driver: the pods there, and those that a rule about a larger place concerns.
   */
  cachedPlacement(volumeId: string, nodeName?: string): VolumePlacement;
  /**
   * The pods that name a claim, which may have no volume yet, from a cache: without those that are being
   * deleted. Empty while they are being listed. `claim`: as `<namespace>/<name>`.
   */
  cachedClaimPods(claim: string): readonly PlacedPod[];
  /** Ids of the other volumes that a volume's pods use, from a cache; empty while they are being listed. */
  cachedCompanions(volumeId: string): readonly string[];
  /**
   * Calls `listener` with the node's name whenever the cached view of a node or of its users has changed,
   * and says which of the two.
   */
  onChange(listener: (nodeName: string, changed: "node" | "users") => void): void;
}
