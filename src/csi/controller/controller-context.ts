import type { ControllerPorts } from "../../controller/controller-ports.ts";
import type { ObjectCache } from "../../objects/cache/object-cache.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import type { SnapshotProvisioner } from "../../ports/cloud/snapshot-provisioner.ts";
import type { ClusterVolumes } from "../../ports/cluster/cluster-volumes.ts";
import type { OperationLock } from "../../runtime/operation-lock.ts";

/**
 * All ports of the controller service's handlers. Of Azure, handlers change only snapshots (ADR
 * 0034): for all else they write into the store, and reconcilers act on it.
 */
export interface ControllerContext extends Pick<
  ControllerPorts,
  "store" | "users" | "attach" | "clock" | "random" | "steps" | "events" | "logger" | "clusterId"
> {
  readonly cache: ObjectCache;
  /** Names the topology key of its volumes. */
  readonly driverName: string;
  /** Shows whether the records just read may be from before a rollback of the store. */
  readonly gracePeriod: Pick<ControllerPorts["gracePeriod"], "trustedIncarnation">;
  /** Used only to read disks: those without an AzVolume, and sources of snapshots and copies. */
  readonly cloud: Pick<CloudProvisioner, "getDisk">;
  /** Used only to confirm that a disk is gone which a read does not find. */
  readonly listDisks: CloudProvisioner["listDisks"];
  /** Of the disk that a CreateVolume makes, or an earlier call has made. */
  readonly diskUriOf: CloudProvisioner["diskUriOf"];
  /** Used only to look at the VM of a node that a disk is unpublished from which can't be read. */
  readonly inspectInstance: CloudProvisioner["inspectInstance"];
  readonly snapshots: SnapshotProvisioner;
  /** What a disk without an AzVolume is for, where it is published already, and which nodes exist. */
  readonly clusterVolumes: Pick<
    ClusterVolumes,
    "volumesOf" | "volumeOf" | "attachmentOn" | "knowsAttachments" | "nodePresence"
  >;
  /** Ids of clusters that are gone: DeleteSnapshot deletes their snapshots as this cluster's own. */
  readonly lostClusterIds: readonly string[];
  readonly locks: OperationLock;
  readonly settings: Pick<ControllerPorts["settings"], "unpublish" | "heartbeatStaleMs">;
  readonly limits: ControllerServiceLimits;
}

export interface ControllerServiceLimits {
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
}
