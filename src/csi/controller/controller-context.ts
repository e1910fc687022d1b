import type { StartupGracePeriod } from "../../controller/rollback/startup-grace-period.ts";
import type { ObjectCache } from "../../objects/cache/object-cache.ts";
import type { Clock } from "../../ports/clock.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import type { ClusterVolumes } from "../../ports/cluster/cluster-volumes.ts";
import type { Events } from "../../ports/cluster/events.ts";
import type { VolumeUsers } from "../../ports/cluster/volume-users.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Random } from "../../ports/random.ts";
import type { Steps } from "../../ports/steps.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import type { OperationLock } from "../../runtime/operation-lock.ts";

/**
 * All ports of the controller service's handlers. Handlers never change the platform: they write into
 * the store, and reconcilers act on it.
 */
export interface ControllerContext {
  readonly store: ObjectStore;
  readonly cache: ObjectCache;
  /** Tells whether the records just read may be from before a rollback of the store. */
  readonly gracePeriod: Pick<StartupGracePeriod, "confirm">;
  /** Used only to read disks without an AzVolume. */
  readonly cloud: Pick<CloudProvisioner, "getDisk">;
  readonly users: VolumeUsers;
  /** What a disk without an AzVolume is for, and where it is published already. */
  readonly clusterVolumes: Pick<ClusterVolumes, "volumeOf" | "attachmentOn" | "knowsAttachments">;
  /** What states requests: VolumeAttachments, or the nodes. */
  readonly attach: "kubernetes" | "driver";
  readonly clock: Clock;
  readonly random: Random;
  readonly steps: Steps;
  readonly events: Events;
  readonly logger: Logger;
  readonly locks: OperationLock;
  readonly settings: ControllerServiceSettings;
}

/** Time limits of the controller service. */
export interface ControllerServiceSettings {
  /**
   * How long a call waits for a reconciler if its caller sets no nearer deadline, in milliseconds.
   * Default 300,000.
   */
  readonly waitMaxMs: number;
  /**
   * How long ControllerPublishVolume waits for the grant before it names the node in the way, in
   * milliseconds. Default 2,000.
   */
  readonly grantWaitMs: number;
  /** What ControllerUnpublishVolume does on volumes with replicas. Default `demote`. */
  readonly unpublish: "demote" | "detach";
}

/** The default settings. */
export const defaultControllerServiceSettings: ControllerServiceSettings = {
  waitMaxMs: 300_000,
  grantWaitMs: 2_000,
  unpublish: "demote",
};
