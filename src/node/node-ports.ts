import type { NodeIdentity } from "../core/api/identity/node-identity.ts";
import type { Platform } from "../core/platform/platform.ts";
import type { ObjectCache } from "../objects/cache/object-cache.ts";
import type { Clock } from "../ports/clock.ts";
import type { InstanceMetadataService } from "../ports/cloud/instance-metadata.ts";
import type { Events } from "../ports/cluster/events.ts";
import type { HostProvisioner } from "../ports/host/host-provisioner.ts";
import type { NodeCheckpoints } from "../ports/host/node-checkpoints.ts";
import type { Logger } from "../ports/logger.ts";
import type { LoopObserver } from "../ports/loop-observer.ts";
import type { Random } from "../ports/random.ts";
import type { Steps } from "../ports/steps.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";
import type { LeaseHighWaterMark } from "../runtime/election/lease-high-water-mark.ts";
import type { OperationLock } from "../runtime/operation-lock.ts";
import type { ConfirmedDisks } from "./confirmed-disks.ts";
import type { MountLooks } from "./mount-looks.ts";
import type { ReleasedEpochs } from "./writer/released-epochs.ts";

export interface NodeSettings {
  /** The operating system of the node, which decides what it can serve. */
  readonly platform: Platform;
  /** The driver's version, which the heartbeat reports. */
  readonly driverVersion: string;
  /** `kubernetes`: ControllerPublishVolume makes the request. `driver`: NodeStageVolume does. */
  readonly attach: "kubernetes" | "driver";
  /**
   * How long NodeStageVolume waits for attach and grant before it answers UNAVAILABLE with the reason, in
   * milliseconds. Default 100,000.
   */
  readonly stageWaitMs: number;
  /**
   * How long NodeStageVolume waits for the device of an attached disk, in milliseconds, as far as
   * `stageWaitMs` allows. Default 60,000.
   */
  readonly deviceWaitMs: number;
  /**
   * Whether this node reserves the disks that it writes and that other nodes may have, so that one of them
   * can cut it off without Azure, and cuts off others so. Default false.
   */
  readonly reservations: boolean;
  /** Time between two heartbeats, in milliseconds. Default 10,000. */
  readonly heartbeatMs: number;
  /** Folders below which staging and target paths may lie. Default `/var/lib/kubelet`. */
  readonly allowedRoots: readonly string[];
}

/** What a node plug-in knows of the machine that it runs on. */
export interface NodeFacts extends NodeIdentity {
  readonly location: string;
  /** Such as `Standard_D4s_v5`; empty: not known. */
  readonly vmSize: string;
  /** Availability zone such as `1`; empty: not zonal. */
  readonly zone: string;
  /** Kubernetes' zone label of the Node, as it is; undefined: none. */
  readonly zoneLabel: string | undefined;
  readonly busType: "SCSI" | "NVMe";
}

/** How many volumes this node takes at present. */
export interface VolumeLimit {
  /**
   * Measures again if the known value is older than `maxAgeMs`. Never fails: what can't be measured keeps
   * its last value.
   */
  measure(maxAgeMs: number, signal: AbortSignal): Promise<number>;
  /** Takes over what Azure lists for the VM's size; undefined, not known now: keeps what it was. */
  learn(dataDisksMax: number | undefined): void;
}

export interface NodePorts {
  readonly store: ObjectStore;
  readonly cache: ObjectCache;
  readonly host: HostProvisioner;
  readonly checkpoints: NodeCheckpoints;
  readonly clock: Clock;
  readonly random: Random;
  readonly steps: Steps;
  /** Undefined: passes of loops are not counted. */
  readonly loops?: LoopObserver | undefined;
  readonly events: Events;
  readonly logger: Logger;
  readonly locks: OperationLock;
  /**
   * The latest state of the controllers' Lease that this plug-in has read: an older one shows a rollback,
   * also where no heartbeat reached the store since the backup.
   */
  readonly leaseHighWaterMark: LeaseHighWaterMark;
  readonly released: ReleasedEpochs;
  /**
   * Volumes that another node has reclaimed while a pod uses them here, and what the heartbeat reports of
   * each.
   */
  readonly disputes: Map<string, string>;
  readonly looks: MountLooks;
  readonly confirmed: ConfirmedDisks;
  /**
   * Lists the disks of this node's VM. Undefined: there is none, and a controller is asked for the LUN of a
   * disk that nothing on it identifies.
   */
  readonly metadata: InstanceMetadataService | undefined;
  readonly node: NodeFacts;
  /** Names the topology key that the node reports. */
  readonly driverName: string;
  readonly volumeLimit: VolumeLimit;
  /**
   * Why another Azure disk driver serves this node; undefined if none is seen. Nothing is staged while
   * one is.
   */
  readonly otherDriver: () => string | undefined;
  readonly settings: NodeSettings;
}
