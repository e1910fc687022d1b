import { type AzDriverNode, reportIn } from "../../core/api/az-driver-node.ts";
import type { AttachmentStatus, AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume, VolumeStatus } from "../../core/api/az-volume.ts";
import { diskUriOf } from "../../core/api/identity/disk-uri-of.ts";
import { includesNode, type NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { nodeLabelsIn } from "../../core/api/node-labels.ts";
import { isDetaching, lunOn } from "../../core/attachment/attachment-state.ts";
import {
  barrierPendingNames,
  isGivenUp,
  isRecordMissing,
  isTerminating,
  type VolumeSettings,
} from "../../core/attachment/observed-volume.ts";
import { isPermanentKind } from "../../core/failure/is-retryable.ts";
import { sameJson } from "../../core/primitives/same-json.ts";
import { isUnmarked } from "../../core/rollback/attachments-unmarked.ts";
import { nodesIn } from "../../core/writer/record/record-nodes.ts";
import type { ObjectChange } from "../../objects/cache/object-cache.ts";
import { waitsForSlot } from "../observe-volume.ts";

type VolumeChange = ObjectChange<"AzVolume">;
type AttachmentChange = ObjectChange<"AzVolumeAttachment">;

/**
 * Whether a volume has changed in a field that a plan reads. The beginning of an attempt, the result of a
 * failed one (its error, its retries) and conditions, but the one that keeps a volume from its nodes, do not
 * count: otherwise each failure would trigger the next attempt at once, and defeat the back-off and Azure's
 * Retry-After. Nor do the notes of requests for snapshots and growth, which each attempt renews. A generation
 * counts where a plan compares it: while a modification is asked for, and after a failure for good. Labels
 * are planned besides (`isLabelLost`).
 */
export function mustReconcileVolume({ previous, current }: VolumeChange): boolean {
  const relevant = (volume: AzVolume | undefined): object | undefined => {
    if (volume === undefined) return undefined;
    const { metadata, spec } = volume;
    const status: Partial<VolumeStatus> = volume.status ?? { conditions: [], state: "Pending" };
    return {
      metadata: omit(metadata, "resourceVersion", "generation", "labels"),
      spec: omit(spec, "recentSnapshots", "snapshotGroups"),
      generation: isGenerationRead(spec, status.state) ? metadata.generation : null,
      status: omit(status, "error", "conditions", "unrequestedSince", "sentGrowth", "state"),
      phase: status.state === "Creating" ? "Pending" : status.state,
      isRecordMissing: isRecordMissing(volume),
      isUnmarked: isUnmarked(volume),
    };
  };
  return !sameJson(relevant(previous), relevant(current));
}

/** Whether a volume has a disk now, and had none. */
export function isDiskNew({ previous, current }: VolumeChange): boolean {
  const hasDisk = (volume: AzVolume | undefined): boolean =>
    volume !== undefined && diskUriOf(volume) !== undefined;
  return hasDisk(current) && !hasDisk(previous);
}

function isGenerationRead({ modification }: AzVolume["spec"], state: string | undefined): boolean {
  return modification !== undefined || state === "CreationFailed" || state === "DeletionFailed";
}

/**
 * The same for an attachment: pending, running and failed tries are one state, but for the last. What a node
 * states of its mount counts for events and a condition alone (`isMountProblemChanged`).
 */
export function mustReconcileAttachment(
  { previous, current }: AttachmentChange,
  settings: VolumeSettings,
): boolean {
  const relevant = (attachment: AzVolumeAttachment | undefined): object | undefined => {
    if (attachment === undefined) return undefined;
    const { metadata, spec } = attachment;
    const status: AttachmentStatus = attachment.status ?? { state: "Pending" };
    const isUnderWay =
      isTerminating(attachment) || status.state === "Attaching" || status.state === "AttachmentFailed";
    return {
      metadata: omit(metadata, "resourceVersion"),
      spec,
      status: omit(status, "error", "state", "attempt", "mountProblems", "mountProblemsShown"),
      phase: isUnderWay ? "Pending" : status.state,
      isGivenUp: isGivenUp({ settings }, attachment),
    };
  };
  return !sameJson(relevant(previous), relevant(current));
}

/** Whether a node's label is gone, which a person may have removed. */
export function isLabelLost({ previous, current }: VolumeChange): boolean {
  if (current === undefined) return false;
  const present = nodeLabelsIn(current.metadata.labels);
  return nodeLabelsIn(previous?.metadata.labels).some((label) => !present.includes(label));
}

/** Whether a volume is kept from its nodes from now on. */
export function isKeptFromNow({ previous, current }: VolumeChange): boolean {
  return current !== undefined && isUnmarked(current) && (previous === undefined || !isUnmarked(previous));
}

/**
 * Whether the detach of an attachment that is being deleted was marked, which counts as no change of it: the
 * mark may be that of a former leader, and come late.
 */
export function isDetachMarked({ previous, current }: AttachmentChange): boolean {
  const wasMarked = previous !== undefined && isDetaching(previous);
  return current !== undefined && isTerminating(current) && isDetaching(current) && !wasMarked;
}

/** Nodes with a new pending write barrier: all of them where the record was rebuilt. */
export function newlyBarrierPending({ previous, current }: VolumeChange): readonly string[] {
  const isRebuilt =
    previous?.metadata.uid !== current?.metadata.uid ||
    previous?.status?.record?.storeIncarnation !== current?.status?.record?.storeIncarnation;
  const known = new Set(isRebuilt ? [] : barrierPendingNames(previous));
  return barrierPendingNames(current).filter((nodeName) => !known.has(nodeName));
}

/**
 * A volume that is gone although DeleteVolume was not called: its finalizer was removed by force, or a
 * restored store lacks it. Its disk exists and stays on its VMs, and no other object records that.
 */
export function isVolumeErased({ previous, current }: VolumeChange): boolean {
  return current === undefined && previous?.spec.deleteRequested === false;
}

/** An attachment that is gone although its disk may still be on the VM. */
export function isAttachmentErased({ previous, current }: AttachmentChange): boolean {
  if (previous === undefined || current !== undefined) return false;
  const state = previous.status?.state;
  // After a rollback a shared attachment is marked so until a node needs it, though its disk is on the VM.
  return (
    state === "Attaching" ||
    state === "Attached" ||
    state === "AttachmentFailed" ||
    (isDetaching(previous) && !isTerminating(previous))
  );
}

/** Whether a node has a slot more for replicas: no requested volume waits for it any longer. */
export function isSlotFreed({ previous, current }: AttachmentChange): boolean {
  if (previous === undefined) return false;
  return current === undefined || (waitsForSlot(previous) && !waitsForSlot(current));
}

/**
 * Whether an attachment is or was refused for good: counted in the volume's condition. It triggers no
 * retry: its time has been set.
 */
export function isRefusalChanged({ previous, current }: AttachmentChange): boolean {
  return isRefused(previous) !== isRefused(current);
}

/** Whether a node states something else to be wrong with its mount. */
export function isMountProblemChanged({ previous, current }: AttachmentChange): boolean {
  return !sameJson(previous?.status?.mountProblems ?? [], current?.status?.mountProblems ?? []);
}

function isRefused(attachment: AzVolumeAttachment | undefined): boolean {
  return isPermanentKind(attachment?.status?.error?.kind ?? "");
}

/** Names of the nodes that were fenced from a volume: some have no AzDriverNode. */
export function namesInQuarantine(volume: AzVolume | undefined): readonly string[] {
  return nodesIn(volume?.status?.record, "fenced").map(({ nodeName }) => nodeName);
}

/** Nodes to which disks of any volume may be attached again. An earlier VM of a name bars no later one. */
export function leftQuarantine({ previous, current }: VolumeChange): readonly string[] {
  const present = barredNodes(current);
  const left = barredNodes(previous).filter((node) => !includesNode(present, node));
  return left.map(({ nodeName }) => nodeName);
}

/**
 * Nodes that no longer have to show what they do with a volume, or to be proven off its disk: some got no
 * disk of any volume (`may-attach-now.ts`).
 */
export function leftUnverified({ previous, current }: VolumeChange): readonly string[] {
  const present = [...barredNodes(current), ...unverifiedNodes(current)];
  const left = unverifiedNodes(previous).filter((node) => !includesNode(present, node));
  return left.map(({ nodeName }) => nodeName);
}

function unverifiedNodes(volume: AzVolume | undefined): readonly NodeIdentity[] {
  return nodesIn(volume?.status?.record, "unverified");
}

/** Whether the place of a disk is known from now on: an unverified node without one gets no other disk. */
export function isPlaced({ previous, current }: AttachmentChange): boolean {
  const place = (attachment: AzVolumeAttachment | undefined): number | undefined =>
    attachment?.status?.vmId === undefined ? undefined : lunOn(attachment, { vmId: attachment.status.vmId });
  return place(current) !== undefined && place(previous) !== place(current);
}

/** The nodes that get no disk of any volume, as the record of this one says. */
function barredNodes(volume: AzVolume | undefined): readonly NodeIdentity[] {
  return nodesIn(volume?.status?.record, "fenced", "fencing");
}

/** Whether a node has changed in a field that a plan reads. A VM may move to another resource id alone. */
export function isMoreThanHeartbeat({ previous, current }: ObjectChange<"AzDriverNode">): boolean {
  const relevant = (node: AzDriverNode | undefined): object | undefined => {
    if (node?.status === undefined) return undefined;
    const { volumes: _, ...status } = reportIn(node.status);
    return { status, leaving: node.metadata.deletionTimestamp };
  };
  return !sameJson(relevant(previous), relevant(current));
}

/** A copy of an object without these fields. */
function omit<T extends object, K extends keyof T>(object: T, ...names: readonly K[]): Omit<T, K> {
  const copy = { ...object };
  for (const name of names) delete copy[name];
  return copy;
}
