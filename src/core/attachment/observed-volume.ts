import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { AzVolume, WriterRecord } from "../api/az-volume.ts";
import { isSameVm, isSameVmId, type NodeIdentity } from "../api/identity/node-identity.ts";
import { isSameResourceUri } from "../azure/ids/disk-uri.ts";
import type { PowerState } from "../azure/power-state.ts";
import type { Platform } from "../platform/platform.ts";
import type { OrchestratorNode } from "../schedule/orchestrator-node.ts";
import type { VolumePlacement } from "../schedule/pod-rules.ts";
import type { VolumePod } from "../schedule/volume-pod.ts";
import type { VolumeUse } from "../schedule/volume-use.ts";
import { isSingleWriter } from "../volume/access-modes.ts";
import { nodesIn } from "../writer/record/record-nodes.ts";
import { recordedVm } from "./attachment-state.ts";

/** A node as a controller sees it. Durations are measured on the observer's own clock. */
export interface ObservedNode extends NodeIdentity, Omit<OrchestratorNode, keyof NodeIdentity> {
  readonly location: string;
  /** Availability zone such as `1`; empty: not zonal. */
  readonly zone: string;
  /** The operating system of its VM; undefined: an older plug-in, on Linux. */
  readonly platform?: Platform | undefined;
  /** The node plug-in reports that it can take volumes. */
  readonly isReady: boolean;
  /** How long this observer has seen no new heartbeat, in milliseconds. */
  readonly heartbeatUnchangedMs: number;
  /** A controller has found it silent, and no heartbeat has come since. Default: none has. */
  readonly isMarkedSilent?: boolean;
  /** How much later than after its own interval it may send the next one, in milliseconds. Default 0. */
  readonly heartbeatDelayMs?: number | undefined;
  /** The volumes that it reports as staged, or about to be. Default: none. */
  readonly staged?: readonly { readonly volumeName: string }[] | undefined;
  /** How many data disks it takes. */
  readonly volumesMax: number;
  /** Its attachments, present or under way, of all volumes. */
  readonly attachments: number;
  /** A requested volume waits here for a slot: whatever the numbers say, none is free. */
  readonly isShortOfSlots: boolean;
  /** It is in quarantine for some volume, or is being fenced from one: nothing is attached to its VM. */
  readonly isQuarantined: boolean;
}

/** Limits and waiting times of the volume plans. */
export interface VolumeSettings {
  /** What ControllerUnpublishVolume does where replicas are kept. Default `demote`. */
  readonly unpublish: "demote" | "detach";
  /** Replicas of a volume that is unrequested for so long are detached. In ms; default 300,000. */
  readonly pruneReplicasAfterMs: number;
  /**
   * A replica on a node that is unschedulable for this time is detached, in milliseconds. Default 30,000: a
   * pod that is only moved off its node is gone by then.
   */
  readonly releaseDrainedAfterMs: number;
  /** Attach attempts of one replica before another node is chosen. Default 3. */
  readonly replicaAttachTries: number;
  /**
   * A heartbeat that has not moved for this time is stale, in milliseconds, besides the delay that the node
   * has stated. Default 35,000: three heartbeats and a half.
   */
  readonly heartbeatStaleMs: number;
  /** Heartbeats a second of all nodes together: with more nodes each is sent later. Default 18. */
  readonly heartbeatsPerSecond: number;
  /**
   * How long a holder without a request may take to unmount before it is recalled, in milliseconds.
   * Default 1,000: an orderly unstage takes less.
   */
  readonly recallGraceMs: number;
  /**
   * How long a node that is out of service but still sends heartbeats may leave a recall unanswered, and
   * one in service may take to unmount before that is reported, in milliseconds. Default 5,000.
   */
  readonly recallAnswerMs: number;
  /**
   * How long an unmount under recall may make no progress, in milliseconds. Default 120,000: flushing 10 GB
   * takes minutes and is healthy.
   */
  readonly unmountStallMs: number;
  /**
   * What happens to a node that writes, and whose kubelet and node plug-in are silent while Azure shows its
   * VM as running. Default `wait`: a person decides. Works where the driver marks nodes out of service.
   */
  readonly silentNodes: "wait" | "power-off";
  /** How long such a node must have been silent, in milliseconds. Default 30,000. */
  readonly powerOffAfterMs: number;
  /** How long an offline expansion of a shared disk may delay grants, in milliseconds. Default 600,000. */
  readonly offlineResizeMs: number;
}

/** A VM as Azure shows it. */
export interface ObservedVm extends Pick<NodeIdentity, "instanceUri" | "vmId"> {
  readonly powerState: PowerState;
  /** Includes disks that are being detached. */
  readonly dataDisks: readonly { readonly diskUri: string }[];
}

/** One volume with everything that its plans need. */
export interface ObservedVolume {
  readonly volume: AzVolume;
  /** How long the volume has not changed, in milliseconds on the observer's own clock. */
  readonly unchangedMs: number;
  /** All of the volume's attachments, sorted by name. */
  readonly attachments: readonly ObservedAttachment[];
  /** All nodes, sorted by name. A cluster has thousands, so plans ask only where one is to be chosen. */
  readonly nodes: () => readonly ObservedNode[];
  /** One node as it is now. */
  readonly node: (nodeName: string) => ObservedNode | undefined;
  /** The orchestrator's view of a node, whether or not it has an AzDriverNode that is believed. */
  readonly orchestratorNode: (nodeName: string) => OrchestratorNode;
  /** What Azure has answered about a VM that the plan asked about. Default: it was not asked yet. */
  readonly vm?: ObservedVm | undefined;
  /**
   * How long there has been no AzDriverNode of that name, in milliseconds of watched time
   * (`ObjectCache.missingMs`); 0 where there is one.
   */
  readonly unregisteredMs: (nodeName: string) => number;
  /** How long the orchestrator has shown a node as unschedulable, in milliseconds; 0 where it is not. */
  readonly unschedulableMs: (nodeName: string) => number;
  /**
   * Whether that node's request has a user, by the caches: a pod bound there or a VolumeAttachment, as
   * `attach` decides. True without an orchestrator that knows either: then the CSI call is the user.
   */
  readonly hasUser: (nodeName: string) => boolean;
  /** Users of the volume on the writer's node, by a cache. */
  readonly writerUse: VolumeUse;
  /** Pods that use the volume, as a cache shows them; undefined while they are still being listed. */
  readonly pods: () => readonly VolumePod[] | undefined;
  /** Where the pods that use the volume could run. Reads all pods: only to place a replica. */
  readonly placement: () => VolumePlacement;
  /**
   * The pods that use the volume, and those with volumes that may keep them off one node. Reads few pods,
   * unless a rule is about a larger place than a node.
   */
  readonly placementOn: (nodeName: string) => VolumePlacement;
  /** How many other volumes of the same pods each node has attached, or is getting. */
  readonly companionCounts: () => ReadonlyMap<string, number>;
  readonly nowMs: number;
  readonly settings: VolumeSettings;
}

/** An attachment and for how long it has not changed, in milliseconds on the observer's own clock. */
export interface ObservedAttachment {
  readonly attachment: AzVolumeAttachment;
  /** Includes time during which the store was not reachable. */
  readonly unchangedMs: number;
  /** Only time during which the store was reachable: an observer that was paused has watched nothing. */
  readonly watchedUnchangedMs: number;
}

/** Whether DeleteVolume has asked to delete the volume. Deleted by hand, it serves until it is recreated. */
export function isDeleting({ spec }: AzVolume): boolean {
  return spec.deleteRequested;
}

/** When a plan that waits for the list of pods is made again, in milliseconds. */
export const PODS_LISTED_AFTER_MS = 1_000;

/** Whether the object is being deleted without a DeleteVolume: it is recreated, and the disk stays. */
export function isDeletedByHand({ metadata, spec }: AzVolume): boolean {
  return metadata.deletionTimestamp !== undefined && !spec.deleteRequested;
}

/**
 * Whether a volume lacks its writer record: the object was recreated and its disk not read yet. Until
 * then it is unknown which node may write. No node writes a disk that Azure does not have.
 */
export function isRecordMissing(volume: AzVolume): boolean {
  return isRecordAbsent(volume) && volume.status?.error?.kind !== "DiskNotFound";
}

/** The same, whether or not Azure had the disk when it was last asked. */
function isRecordAbsent({ spec, status }: AzVolume): boolean {
  return isSingleWriter(spec.capabilities) && status?.record === undefined;
}

/** Whether a volume whose disk was recorded lacks its record: another client has removed it. */
export function isRecordLost(volume: AzVolume): boolean {
  return volume.status?.detail !== undefined && isRecordAbsent(volume);
}

/** The nodes that the record names with a pending write barrier, by name. */
export function barrierPendingNames(volume: AzVolume | undefined): readonly string[] {
  return nodesIn(volume?.status?.record, "barrierPending").map(({ nodeName }) => nodeName);
}

/** The writer record, absent for multi-writer volumes and before the disk exists. */
export function recordOf(observed: ObservedVolume): WriterRecord | undefined {
  return observed.volume.status?.record;
}

/** Whether the orchestrator says that a node's workloads are dead. */
export function isOutOfService(observed: ObservedVolume, nodeName: string): boolean {
  return observed.orchestratorNode(nodeName).isOutOfService;
}

/** What Azure has just shown of a node's VM; undefined: it was not read, or another one is there. */
export function shownVm({ vm }: ObservedVolume, { instanceUri, vmId }: NodeIdentity): ObservedVm | undefined {
  return vm !== undefined && isSameResourceUri(vm.instanceUri, instanceUri) && isSameVmId(vm.vmId, vmId)
    ? vm
    : undefined;
}

/** Whether an attachment is being deleted. */
export function isTerminating(attachment: AzVolumeAttachment): boolean {
  return attachment.metadata.deletionTimestamp !== undefined;
}

/** Attachments that are not being deleted. */
export function stayingAttachments(observed: ObservedVolume): readonly AzVolumeAttachment[] {
  return observed.attachments
    .map(({ attachment }) => attachment)
    .filter((attachment) => !isTerminating(attachment));
}

/** The primaries that are not being deleted. */
export function stayingPrimaries(observed: ObservedVolume): readonly AzVolumeAttachment[] {
  return stayingAttachments(observed).filter(({ spec }) => spec.role === "Primary");
}

export function attachmentOn(
  { attachments }: Pick<ObservedVolume, "attachments">,
  nodeName: string,
): ObservedAttachment | undefined {
  return attachments.find(({ attachment }) => attachment.spec.nodeName === nodeName);
}

/**
 * A replica whose every attach attempt failed. In plans it takes no share: had an attempt succeeded all the
 * same, the next would have found the disk attached; and where Azure does count a share, it refuses the next
 * VM. It stays for a while, so that its node is not chosen again at once.
 */
export function isGivenUp(
  { settings }: Pick<ObservedVolume, "settings">,
  { spec, status }: AzVolumeAttachment,
): boolean {
  return (
    spec.role === "Replica" &&
    status?.state === "AttachmentFailed" &&
    (status.error?.retries ?? 0) >= settings.replicaAttachTries
  );
}

/**
 * How many VMs may have the disk: as Azure reports it, or as requested while Azure has reported nothing.
 * Before a disk is recorded nothing is attached; only replicas of a disk under adoption are counted then.
 */
export function maxSharesOf({ spec, status }: AzVolume): number {
  return status?.detail?.maxShares ?? spec.disk.maxShares;
}

/**
 * One attachment for each VM: those of two names that the node of a VM has had take one share together. One
 * that names no VM yet is for that of its node.
 */
export function oncePerVm(
  observed: Pick<ObservedVolume, "node">,
  attachments: readonly AzVolumeAttachment[],
): readonly AzVolumeAttachment[] {
  const vms = attachments.map(
    (attachment) => recordedVm(attachment) ?? observed.node(attachment.spec.nodeName),
  );
  return attachments.filter((_, at) => {
    const vm = vms[at];
    return vm === undefined || vms.findIndex((other) => other !== undefined && isSameVm(other, vm)) === at;
  });
}

export function keepsReplicas(volume: AzVolume): boolean {
  return volume.spec.maxMountReplicaCount > 0 && !isDeleting(volume);
}

/**
 * Whether grants wait for the growth of a shared disk, which Azure allows only while no VM has it. After
 * the AzVolume is deleted by hand, the growth ends and nothing waits for it.
 */
export function isResizingOffline(volume: AzVolume): boolean {
  const { metadata, status } = volume;
  return status?.state === "Updating" && maxSharesOf(volume) > 1 && metadata.deletionTimestamp === undefined;
}

/** The disk exists and can be attached. */
export function isProvisioned(volume: AzVolume): boolean {
  return volume.status?.detail !== undefined && volume.status.state !== "Deleting";
}
