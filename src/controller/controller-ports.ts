import type { VolumeSettings } from "../core/attachment/observed-volume.ts";
import type { Result } from "../core/failure/result.ts";
import type { Clock } from "../ports/clock.ts";
import type { CloudProvisioner } from "../ports/cloud/cloud-provisioner.ts";
import type { ClusterVolumes } from "../ports/cluster/cluster-volumes.ts";
import type { Events } from "../ports/cluster/events.ts";
import type { NodeMarks } from "../ports/cluster/node-marks.ts";
import type { VolumeUsers } from "../ports/cluster/volume-users.ts";
import type { Logger } from "../ports/logger.ts";
import type { LoopObserver } from "../ports/loop-observer.ts";
import type { Random } from "../ports/random.ts";
import type { Steps } from "../ports/steps.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";
import type { LeaseHighWaterMark } from "../runtime/election/lease-high-water-mark.ts";
import type { ControllerCache } from "./controller-cache.ts";
import type { UnschedulableNodes } from "./nodes/unschedulable-nodes.ts";

/** The ports of the controller role. Each folder takes its own part, such as `WriterPorts`. */
export interface ControllerPorts {
  readonly store: ObjectStore;
  readonly cache: ControllerCache;
  readonly cloud: CloudProvisioner;
  readonly users: VolumeUsers;
  readonly clusterVolumes: ClusterVolumes;
  /** Undefined: only people mark nodes out of service. */
  readonly marks: NodeMarks | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly steps: Steps;
  /** Undefined: passes of loops are not counted. */
  readonly loops?: LoopObserver | undefined;
  readonly events: Events;
  readonly logger: Logger;
  readonly leaseHighWaterMark: LeaseHighWaterMark;
  /** The same for the time before this process started, which only the nodes can report. */
  readonly gracePeriod: GracePeriod;
  readonly unschedulable: Pick<UnschedulableNodes, "forMs">;
  /** Uids of terminating attachments for which this process has checked for an outdated record: once each. */
  readonly distrustedFor: Set<string>;
  readonly settings: VolumeSettings;
  /** Tagged on each disk that this cluster made. Other clusters' disks are left alone unless named. */
  readonly clusterId: string;
  /** What requests a volume: ControllerPublishVolume (`kubernetes`) or NodeStageVolume (`driver`). */
  readonly attach: "kubernetes" | "driver";
}

/** The ports that every folder takes: objects, the orchestrator's facts, time and reports. */
type SharedPorts = Exclude<keyof ControllerPorts, "cloud" | "clusterId" | "gracePeriod" | "loops" | "marks">;

/** Those, and what else one folder takes: further ports, and calls to Azure. */
type FolderPorts<Ports extends keyof ControllerPorts, Calls extends keyof CloudProvisioner> = Pick<
  ControllerPorts,
  SharedPorts | Ports
> & { readonly cloud: Pick<CloudProvisioner, Calls> };

/** Calls that change nothing in Azure. */
type Reads = "getDisk" | "listDisks" | "inspectInstance";

/** Makes no call to Azure: a promotion must not queue behind an attach. */
export type WriterPorts = Pick<ControllerPorts, SharedPorts>;
/** The ports of fencing, and of the proofs that a disk is off a VM. */
export type FencingPorts = FolderPorts<"clusterId", Reads | "barrier" | "proveGone">;
export type NodesPorts = FolderPorts<"marks", "dataDisksMax" | "inspectInstance" | "powerOff">;
export type AttachmentPorts = FolderPorts<
  "clusterId",
  Reads | "attachDisk" | "detachDisk" | "barrier" | "proveGone"
>;
export type DiskPorts = FolderPorts<
  "clusterId",
  Reads | "diskUriOf" | "createDisk" | "deleteDisk" | "resizeDisk" | "updateDisk" | "tagDisk"
>;
/** The ports of adoption, and of the loops that follow a rollback, which read Azure only. */
export type AdoptionPorts = FolderPorts<"clusterId", Reads>;
/** Recovery also writes tags that a disk has lost. */
export type RecoveryPorts = FolderPorts<"clusterId", Reads | "tagDisk">;

/** Whether the store was rolled back before this process started (`StartupGracePeriod`). */
export interface GracePeriod {
  /**
   * Returns the store incarnation, once records may be trusted; fails with `StoreRolledBack` if that is
   * undecided after `limitMs`.
   */
  trustedIncarnation(limitMs: number, signal: AbortSignal): Promise<Result<number>>;
  /**
   * Waits until records may be trusted. Where no node can answer any more, requests a rebuild of all
   * records, and calls `onRebuild`. False: aborted.
   */
  untilTrusted(leading: AdoptionPorts, onRebuild: () => void, signal: AbortSignal): Promise<boolean>;
}
