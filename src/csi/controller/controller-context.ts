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
 * All that the controller service's handlers act through. They never change the platform: reconcilers do
 * what they write into the store.
 */
export interface ControllerContext {
  readonly store: ObjectStore;
  readonly cache: ObjectCache;
  /** Whether the records that were just read may be gone by. */
  readonly gracePeriod: Pick<StartupGracePeriod, "confirm">;
  /** Only to look at disks that no AzVolume describes yet. */
  readonly cloud: Pick<CloudProvisioner, "getDisk">;
  readonly users: VolumeUsers;
  /** What a disk is for that no AzVolume describes yet, and what is published already. */
  readonly clusterVolumes: Pick<ClusterVolumes, "volumeOf" | "attachmentOn" | "knowsAttachments">;
  /** What states wants: VolumeAttachments, or the nodes. */
  readonly attach: "kubernetes" | "driver";
  readonly clock: Clock;
  readonly random: Random;
  readonly steps: Steps;
  readonly events: Events;
  readonly logger: Logger;
  readonly locks: OperationLock;
  readonly settings: ControllerServiceSettings;
}

/** Patience of the controller service. */
export interface ControllerServiceSettings {
  /**
   * How long a call waits for a reconciler where its caller sets no nearer deadline, in milliseconds.
   * Default 300,000.
   */
  readonly waitMaxMs: number;
  /**
   * How long ControllerPublishVolume waits for the grant before it says who is in the way, in milliseconds.
   * Default 2,000.
   */
  readonly grantWaitMs: number;
  /** What ControllerUnpublishVolume does where replicas are kept. Default `demote`. */
  readonly unpublish: "demote" | "detach";
}

/** Settings where nobody chose others. */
export const defaultControllerServiceSettings: ControllerServiceSettings = {
  waitMaxMs: 300_000,
  grantWaitMs: 2_000,
  unpublish: "demote",
};
