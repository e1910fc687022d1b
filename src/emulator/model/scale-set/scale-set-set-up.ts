import type { OrchestrationMode } from "./scale-set.ts";

/** An initial scale set, whose instances run and have no data disks. */
export interface ScaleSetSetUp {
  readonly subscriptionId: string;
  /** Created if absent. */
  readonly resourceGroup: string;
  readonly name: string;
  readonly location: string;
  /** 0 to 1000. */
  readonly capacity: number;
  /** Instances get them in turn. Default: none. */
  readonly zones?: readonly string[];
  /** Default `Standard_D8s_v5`: 16 data disks, SCSI. */
  readonly size?: string;
  /** Default `Uniform`, as in AKS. */
  readonly orchestrationMode?: OrchestrationMode;
  /** The beginning of the host names inside the instances. Default: the name. */
  readonly computerNamePrefix?: string;
  /** The instance id of the first uniform instance. Default 0. */
  readonly firstInstanceId?: number;
}
