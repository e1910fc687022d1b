import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { AzVolume, WriterRecord } from "../api/az-volume.ts";
import type { NodeIdentity } from "../api/node-identity.ts";
import type { NodeForPods } from "../schedule/pod-fits-node.ts";
import type { VolumePlacement } from "../schedule/pod-rules.ts";
import type { VolumePod } from "../schedule/volume-pod.ts";
import { isSingleWriter } from "../volume/access-modes.ts";

/**
 * A node as a controller sees it. Durations are measured on the observer's own clock, never by comparing
 * two machines' clocks.
 */
export interface ObservedNode extends NodeIdentity, NodeForPods {
  readonly location: string;
  /** Availability zone such as `1`; empty: not zonal. */
  readonly zone: string;
  /** The node plug-in says that it can take volumes. */
  readonly isReady: boolean;
  /** The orchestrator has no node of that name any more, whatever the plug-in says. */
  readonly isGone: boolean;
  readonly isUnschedulable: boolean;
  /** The orchestrator says that its workloads are dead or will be killed. */
  readonly isOutOfService: boolean;
  /** How long this observer has seen no new heartbeat, in milliseconds. */
  readonly heartbeatUnchangedMs: number;
  /** The second witness of a node's death; undefined where nobody can tell. */
  readonly isKubeletLeaseStale: boolean | undefined;
  /** Data disks that it takes. */
  readonly volumesMax: number;
  /** Attachments that it has or is getting, of all volumes. */
  readonly attachments: number;
  /**
   * A volume that somebody wants there was refused for want of a slot, and waits for one: whatever the
   * numbers say, there is none to give away.
   */
  readonly isShortOfSlots: boolean;
}

/** Limits and patience of the volume plans. */
export interface VolumeSettings {
  /** What ControllerUnpublishVolume does where replicas are kept. Default `demote`. */
  readonly unpublish: "demote" | "detach";
  /**
   * Replicas of a volume that is not requested for this time are detached, in milliseconds. Default 300,000
   * (5 minutes).
   */
  readonly collectReplicasAfterMs: number;
  /** Attach tries of one replica before another node is chosen. Default 3. */
  readonly replicaAttachTries: number;
  /**
   * A heartbeat that has not moved for this time is stale, in milliseconds. Default 35,000: three
   * heartbeats and a half.
   */
  readonly heartbeatStaleMs: number;
  /**
   * How long an unwanted holder is left to unmount by itself before it is recalled, in milliseconds.
   * Default 1,000: an orderly unstage takes less.
   */
  readonly recallGraceMs: number;
  /**
   * How long a node that is out of service, and still heard of, may leave a recall unanswered, in
   * milliseconds. Default 5,000.
   */
  readonly recallAnswerMs: number;
  /**
   * How long an unmount under recall may make no progress, in milliseconds. Default 120,000: flushing 10 GB
   * takes minutes and is healthy.
   */
  readonly unmountStallMs: number;
  /**
   * How long an offline expansion of a shared disk may hold grants back, in milliseconds. Default 600,000.
   */
  readonly offlineResizeMs: number;
}

/** One volume with all that its plans need to know. */
export interface ObservedVolume {
  readonly volume: AzVolume;
  /** How long the volume has not changed, in milliseconds on the observer's own clock. */
  readonly unchangedMs: number;
  /** All of the volume's attachments, sorted by name. */
  readonly attachments: readonly ObservedAttachment[];
  /**
   * All nodes, sorted by name. A cluster has thousands, so they are asked for only where one is to be
   * chosen.
   */
  readonly nodes: () => readonly ObservedNode[];
  /** One node as it is now. */
  readonly node: (nodeName: string) => ObservedNode | undefined;
  /**
   * The resource id of a node's VM as the orchestrator names it, whether or not its AzDriverNode is
   * believed; undefined: it names none.
   */
  readonly vmOf: (nodeName: string) => string | undefined;
  /**
   * How long there has been no AzDriverNode of that name, in milliseconds of watched time
   * (`ObjectCache.missingMs`); 0 where there is one.
   */
  readonly unregisteredMs: (nodeName: string) => number;
  /**
   * Names of the nodes in the record or with an attachment that are out of service: a dead node's plug-in
   * may never have registered with this store.
   */
  readonly outOfService: readonly string[];
  /**
   * Names of the nodes in the record or with an attachment that are NotReady by the orchestrator, which a
   * node without an AzDriverNode can be as well.
   */
  readonly notReady: readonly string[];
  /**
   * Whether a want of that node has a user behind it, as caches show: a pod that is bound there, or a
   * VolumeAttachment, by who states wants (`attach`). True where no orchestrator knows of either: there the
   * CSI call is the user.
   */
  readonly hasUser: (nodeName: string) => boolean;
  /** Users of the volume on the writer's node, as a cache tells. */
  readonly writerUse: "used" | "unused" | "unknown";
  /** Their names, where it can. */
  readonly writerUsers: readonly string[];
  /** Why it can't tell, where that is known. */
  readonly whyUseUnknown: string | undefined;
  /** Pods that use the volume, as a cache shows them; undefined while they are still being listed. */
  readonly pods: () => readonly VolumePod[] | undefined;
  /**
   * Where the pods that use the volume could run. Looks through the pods of the cluster, so it is asked
   * only where a replica is to be placed.
   */
  readonly placement: () => ObservedPlacement;
  readonly nowMs: number;
  readonly settings: VolumeSettings;
}

/** What decides where a volume's replicas are of use. */
export interface ObservedPlacement extends Pick<VolumePlacement, "pods" | "neighbours"> {
  /** How many other volumes of the same pods each node has attached, or is getting. */
  readonly companionsOn: ReadonlyMap<string, number>;
}

/** An attachment and for how long it has not changed, in milliseconds on the observer's own clock. */
export interface ObservedAttachment {
  readonly attachment: AzVolumeAttachment;
  /** Whether or not the store could be heard meanwhile. */
  readonly unchangedMs: number;
  /** Only time during which the store was heard: an observer that stood still has watched nobody. */
  readonly watchedUnchangedMs: number;
}

/**
 * Whether DeleteVolume has asked for the volume to go. One whose object is deleted by hand serves until
 * that is rebuilt, which may have to wait for Azure.
 */
export function isDeleting({ spec }: AzVolume): boolean {
  return spec.deleteRequested;
}

/** When a plan is made again that waits for the pods to be listed, in milliseconds. */
export const PODS_LISTED_AFTER_MS = 1_000;

/**
 * Whether the object is being deleted though DeleteVolume did not ask for it: the disk stays, and the
 * object is rebuilt.
 */
export function isDeletedByHand({ metadata, spec }: AzVolume): boolean {
  return metadata.deletionTimestamp !== undefined && !spec.deleteRequested;
}

/**
 * Whether a volume that must have a writer record has none (its object was made anew and its disk not
 * looked at yet): nobody knows who may write.
 */
export function isRecordMissing(volume: AzVolume): boolean {
  return (
    isSingleWriter(volume.spec.capabilities) &&
    volume.status?.record === undefined &&
    volume.status?.error?.kind !== "DiskNotFound"
  );
}

/** The nodes that a volume's record has unsettled, by name. */
export function barrierPendingNames(volume: AzVolume | undefined): readonly string[] {
  return volume?.status?.record?.barrierPending?.map(({ nodeName }) => nodeName) ?? [];
}

/** The writer record, absent for multi-writer volumes and before the disk exists. */
export function recordOf(observed: ObservedVolume): WriterRecord | undefined {
  return observed.volume.status?.record;
}

/** Whether the orchestrator says of a node that its workloads are dead. */
export function isOutOfService(observed: Pick<ObservedVolume, "outOfService">, nodeName: string): boolean {
  return observed.outOfService.includes(nodeName);
}

/** Whether an attachment is on its way out. */
export function isLeaving(attachment: AzVolumeAttachment): boolean {
  return attachment.metadata.deletionTimestamp !== undefined;
}

/** Attachments that stay. */
export function stayingAttachments(observed: ObservedVolume): readonly AzVolumeAttachment[] {
  return observed.attachments
    .map(({ attachment }) => attachment)
    .filter((attachment) => !isLeaving(attachment));
}

/**
 * A replica whose every try to attach failed. It counts for no share, since each try would have found what
 * the one before had done (where the last one did it after all, Azure refuses who comes next). It stays for
 * a while, so that its node is not chosen again at once.
 */
export function isGone(
  { settings }: Pick<ObservedVolume, "settings">,
  { spec, status }: AzVolumeAttachment,
): boolean {
  return (
    spec.role === "Replica" &&
    status?.state === "AttachmentFailed" &&
    (status.error?.retries ?? 0) >= settings.replicaAttachTries
  );
}

/** Whether replicas are kept for this volume. */
export function keepsReplicas(volume: AzVolume): boolean {
  return volume.spec.maxMountReplicaCount > 0 && !isDeleting(volume);
}

/**
 * Whether grants are held back because a shared disk is being grown, which Azure does only while no VM has
 * it. Where a person deletes the AzVolume, nothing more is done for the growth, and nothing waits for it.
 */
export function isResizingOffline({ metadata, status }: AzVolume): boolean {
  return (
    status?.state === "Updating" &&
    (status.detail?.maxShares ?? 1) > 1 &&
    metadata.deletionTimestamp === undefined
  );
}

/** The disk exists and can be attached. */
export function isProvisioned(volume: AzVolume): boolean {
  return volume.status?.detail !== undefined && volume.status.state !== "Deleting";
}
