import type { Labels, Taint } from "./pod-rules.ts";

export interface OrchestratorNode {
  /** It has had no node of that name since its nodes are known; false without an orchestrator. */
  readonly isGone: boolean;
  /** Its workloads are dead or will be killed. */
  readonly isOutOfService: boolean;
  /** A controller of this driver has set that mark. Default false. */
  readonly isMarkedByDriver?: boolean;
  /** It places no new workloads there: the node is cordoned or drained, or is about to be removed. */
  readonly isUnschedulable: boolean;
  readonly labels: Labels;
  readonly taints: readonly Taint[];
  /** The resource id of its VM; undefined where the orchestrator does not know it. */
  readonly instanceUri?: string;
  /** The uid of its object, which another object of its name lacks; undefined where tokens have none. */
  readonly nodeUid?: string | undefined;
}
