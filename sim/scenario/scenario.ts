import type { VolumeSettings } from "../../src/core/attachment/observed-volume.ts";
import type { InstanceKind } from "../azure/vm-names.ts";
import type { CrashPlan } from "../driver/process-slot.ts";
import type { FaultName } from "../faults/fault-names.ts";
import type { SimWorkload } from "../kubernetes/sim-cluster.ts";
import type { VolumeClass } from "../kubernetes/volume-class.ts";

/** The act of a user who makes a volume of another one, which it is like in all else. */
export interface CopyAct {
  /** The other one. */
  readonly volumeName: string;
  readonly copyName: string;
  readonly skuName: SimWorkload["skuName"];
  /** How much larger it is than its source, in GiB. */
  readonly moreGiB: number;
}

/** Something that a user or an operator does. */
export type UserAct =
  /**
   * Cordons the node of the volume's pod and deletes the pod, which comes back elsewhere; uncordons some
   * time later.
   */
  | { readonly kind: "move"; readonly volumeName: string; readonly isForced: boolean }
  /** Deletes the pod, which may come back on its node. */
  | { readonly kind: "restart"; readonly volumeName: string; readonly isForced: boolean }
  | { readonly kind: "scale"; readonly volumeName: string; readonly pods: 0 | 1 }
  /** Cordons a node and evicts its pods; uncordons some time later. */
  | { readonly kind: "drain"; readonly nodeName: string }
  | { readonly kind: "grow"; readonly volumeName: string; readonly sizeGiB: number }
  /** Lowers a request that was not granted to a size above the present one. */
  | { readonly kind: "lower"; readonly volumeName: string; readonly sizeGiB: number }
  /** Requests another VolumeAttributesClass. */
  | {
      readonly kind: "modify";
      readonly volumeName: string;
      readonly volumeClass: VolumeClass;
    }
  /** With the parameters of its class. */
  | {
      readonly kind: "snapshot";
      readonly volumeName: string;
      readonly name: string;
      readonly location?: string;
      readonly freezeSeconds?: number;
      readonly instantAccessMinutes?: number;
    }
  | { readonly kind: "deleteSnapshot"; readonly name: string }
  /** Makes a volume of a VolumeSnapshot of the volume. */
  | (CopyAct & { readonly kind: "restore"; readonly snapshotName: string })
  /** Makes a volume of the volume itself. */
  | (CopyAct & { readonly kind: "clone" })
  | { readonly kind: "delete"; readonly volumeName: string }
  | { readonly kind: "apply"; readonly workload: SimWorkload };

/** A user's act and its time, in milliseconds since the storm began. */
export interface TimedAct {
  readonly atMs: number;
  readonly act: UserAct;
}

/**
 * A fault and its times, in milliseconds since the storm began. What the numbers and names mean is its
 * class's affair.
 */
export interface TimedFault {
  readonly atMs: number;
  readonly forMs: number;
  readonly fault: FaultName;
  /** One of the class's variants. */
  readonly variant: string;
  readonly nodeName: string;
  readonly volumeName: string;
  /** Chance for what the variant leaves open, in [0, 1). */
  readonly dice: number;
}

/** One death of a process, by its name. */
export interface ExactCrash extends CrashPlan {
  readonly processName: string;
}

/** What one cluster is made of, and what happens to it. */
export interface ClusterScenario {
  readonly attach: "kubernetes" | "driver";
  readonly nodes: readonly {
    readonly name: string;
    /** Empty: its VM is in none. */
    readonly zone: string;
    /** Default: a VM of its own. */
    readonly instance?: InstanceKind;
  }[];
  /** Of all its VMs. Default: one that takes eight data disks. */
  readonly vmSize?: string;
  /**
   * Nodes do not say which VM they are (`spec.providerID`), and controllers trust what node plug-ins
   * report. A kubelet that makes its Node again says it. Default: Nodes say so.
   */
  readonly hasUnnamedVms?: true;
  /**
   * Every Node that is recreated is recreated by a restarted kubelet, which requests tokens at once.
   * Default: half of them.
   */
  readonly areKubeletsRestarted?: true;
  /** Nodes reserve the disks that they write and that others have as replicas. Default: they do not. */
  readonly reservations?: true;
  /** Of its controllers. Default: the driver's own. */
  readonly settings?: Partial<VolumeSettings>;
  readonly workloads: readonly SimWorkload[];
  readonly acts: readonly TimedAct[];
  readonly faults: readonly TimedFault[];
  /** Deaths at exact steps of processes, counted from the beginning of the world. */
  readonly crashes?: readonly ExactCrash[];
}

/** All that a run is made of, as plain data: it can be printed, made smaller and run again. */
export interface Scenario extends ClusterScenario {
  readonly seed: number;
  /** Everything has to come to rest before pods are moved in the calm, too: a move may free what is stuck. */
  readonly restsFirst?: true;
  /** Once everything is at rest, a node is drained, and stays so: it is left without replicas. */
  readonly drainsAtRest?: true;
  /** Once everything is at rest, users delete all volumes and snapshots. Default: they keep them. */
  readonly deletesAll?: true;
  /** How long the storm takes, in milliseconds; the storms of two clusters are one. */
  readonly stormMs: number;
  /** The most moves of pods in the calm after it. Default: there are moves until there were 10 failovers. */
  readonly calmMovesMax?: number;
  /** Another cluster with a store and a driver of its own in the same resource group. Default: none. */
  readonly second?: ClusterScenario;
}

/** The same scenario where nothing goes wrong. */
export function withoutFaults(scenario: Scenario): Scenario {
  const { second } = scenario;
  return { ...scenario, faults: [], ...(second === undefined ? {} : { second: { ...second, faults: [] } }) };
}

/** The faults of all clusters. */
export function allFaults({ faults, second }: Scenario): readonly TimedFault[] {
  return second === undefined ? faults : [...faults, ...second.faults];
}
