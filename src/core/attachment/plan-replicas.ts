import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { Writer, WriterRecord } from "../api/az-volume.ts";
import type { NodeKey } from "../api/identity/node-identity.ts";
import { fromTimestamp } from "../primitives/timestamp.ts";
import { chooseReplicaNodes, couldTakeReplica, type Rejection } from "../schedule/choose-replica-nodes.ts";
import { whyPodsStayOff } from "../schedule/pod-fits-node.ts";
import { isSingleWriter } from "../volume/access-modes.ts";
import { couldTakeOver, isWriterWell } from "../writer/node-health.ts";
import { isUnheard } from "../writer/node-silence.ts";
import { isNamed } from "../writer/record/record-nodes.ts";
import { attachedVm } from "./attached-vm.ts";
import { isAttached } from "./is-attached.ts";
import {
  isGivenUp,
  isRecordMissing,
  isTerminating,
  isOutOfService,
  isResizingOffline,
  maxSharesOf,
  keepsReplicas,
  type ObservedVolume,
  PODS_LISTED_AFTER_MS,
  recordOf,
  stayingAttachments,
} from "./observed-volume.ts";
import { isRequested, needsReplicas } from "./plan-unrequested-time.ts";

/**
 * What must still hold by uncached reads when a replica is deleted: the volume is unrequested since the
 * same time; its node is in quarantine (any VM of its name, where its vmId is not known); the cluster has
 * no node of its name; its node has no AzDriverNode, is unschedulable or out of service; or the other
 * attachments that were counted exist and stay, `nonReplicaNames` are still no replicas, and `grant`, where
 * the plan rests on one, stands.
 */
export type ReplicaCondition =
  | { readonly kind: "Unrequested"; readonly since: string }
  | { readonly kind: "Quarantined"; readonly node: NodeKey | string }
  | { readonly kind: "NodeGone"; readonly nodeName: string }
  | { readonly kind: "Unregistered"; readonly nodeName: string }
  | { readonly kind: "Unschedulable" | "OutOfService"; readonly nodeName: string }
  | {
      readonly kind: "OthersStay";
      readonly nonReplicaNames: readonly string[];
      readonly replicaNames: readonly string[];
      readonly grant?: Grant;
    };

/** One grant of a volume: to that node, with that epoch. */
type Grant = Pick<Writer, "nodeName" | "epoch">;

/** The next action for a volume's replicas. */
export type ReplicaAction =
  | { readonly kind: "CreateReplica"; readonly nodeName: string }
  | {
      readonly kind: "DeleteAttachment";
      readonly attachmentName: string;
      readonly because: string;
      readonly onlyWhile?: ReplicaCondition;
    }
  | { readonly kind: "ReplicasMissing"; readonly missing: number; readonly rejected: readonly Rejection[] }
  | { readonly kind: "Requeue"; readonly afterMs: number };

/**
 * How long after its last attempt a replica whose every attempt failed is deleted, so that another can be
 * made, in milliseconds.
 */
const TRIED_AGAIN_AFTER_MS = 300_000;

/**
 * How long a node may have no AzDriverNode before its replica is replaced, in milliseconds: six
 * heartbeats, each of which recreates it. So replicas survive the deletion of all AzDriverNodes.
 */
const UNREGISTERED_AFTER_MS = 60_000;
/**
 * The least time until the next plan in that state, in milliseconds: watched time advances with the
 * heartbeats of other nodes.
 */
const UNREGISTERED_AGAIN_MS = 1_000;

/** The least time until the next plan where several writers have too many replicas, in milliseconds. */
const SETTLED_AGAIN_MS = 10_000;

/**
 * Plans the replicas of a volume: as many as requested while it has a primary, none that block a primary,
 * and none once it has been unrequested for a while. Replicas yield to a primary that needs a share.
 */
export function planReplicas(observed: ObservedVolume): readonly ReplicaAction[] {
  const deletions = planDeletions(observed);
  const gone = new Set(deletions.map((deletion) => deletion.attachmentName));
  const kept = stayingAttachments(observed).filter((attachment) => !gone.has(attachment.metadata.name));
  return [
    ...deletions,
    ...planCreations(observed, kept),
    ...planPruning(observed, kept),
    ...planUnregistered(observed, kept),
    ...planDraining(observed, kept),
    ...planSettling(observed, kept),
  ];
}

type Deletion = Extract<ReplicaAction, { kind: "DeleteAttachment" }>;

function planDeletions(observed: ObservedVolume): readonly Deletion[] {
  const replicas = stayingAttachments(observed).filter(
    (attachment) => isReplica(recordOf(observed), attachment) && !isUsedReplica(observed, attachment),
  );
  const remove = (attachments: readonly AzVolumeAttachment[], because: string): readonly Deletion[] =>
    attachments.map((attachment) => ({
      kind: "DeleteAttachment",
      attachmentName: attachment.metadata.name,
      because,
    }));

  // Also a request that was stated while the mark was written: a volume that is being deleted is not
  // granted.
  if (observed.volume.spec.deleteRequested)
    return remove(
      stayingAttachments(observed).filter(({ spec }) => !mayWrite(recordOf(observed), spec.nodeName)),
      "the volume is being deleted",
    );
  // A request made since the growth began ends the growth, and the remaining replicas stay.
  if (isResizingOffline(observed.volume))
    return needsReplicas(observed) ? [] : remove(replicas, "the disk grows only while no VM has it");
  if (!keepsReplicas(observed.volume)) return remove(replicas, "no replicas are asked for");
  const unfit = replicas.flatMap((replica) => planUnfit(observed, replica));
  const unusable = [...unfit, ...planGone(observed, without(replicas, unfit))];
  const fit = without(replicas, unusable);
  if (!hasPrimary(observed)) {
    const since = observed.volume.status?.unrequestedSince;
    const pruned =
      since !== undefined && pruneInMs(observed, since) <= 0
        ? remove(fit, "the volume has not been requested for a while")
        : [];
    const onlyWhile = since === undefined ? {} : { onlyWhile: { kind: "Unrequested", since } as const };
    return [...unusable, ...pruned.map((deletion) => ({ ...deletion, ...onlyWhile }))];
  }
  // Failed replicas hold no share, and keep their nodes from being tried again at once: where the disk is
  // at fault, each would refuse it in turn.
  const drained = planDrained(observed, fit);
  const counted = without(fit, drained).filter((replica) => !isGivenUp(observed, replica));
  const surplus = planSurplus(observed, counted);
  return [
    ...unusable,
    ...drained,
    ...surplus,
    ...(surplus.length === 0 ? planMisplaced(observed, counted) : []),
    ...remove(
      without(fit, drained).filter((replica) => isDueForAnotherTry(observed, replica)),
      "every try failed a while ago, and another may not",
    ),
  ];
}

/**
 * A deleted Node may be back before the cache shows it, with its disk attached and its plug-in serving. A
 * lost AzDriverNode is recreated by the node's next heartbeat: until it has been missing for a while,
 * only the object is gone.
 */
function planGone(observed: ObservedVolume, replicas: readonly AzVolumeAttachment[]): readonly Deletion[] {
  return replicas.flatMap(({ metadata, spec: { nodeName } }): readonly Deletion[] => {
    const deletion = { kind: "DeleteAttachment", attachmentName: metadata.name } as const;
    if (observed.node(nodeName)?.isGone === true)
      return [{ ...deletion, because: "its node is gone", onlyWhile: { kind: "NodeGone", nodeName } }];
    if (observed.unregisteredMs(nodeName) < UNREGISTERED_AFTER_MS || !isWriterWell(observed)) return [];
    return [
      {
        ...deletion,
        because: "its node has had no AzDriverNode for a while",
        onlyWhile: { kind: "Unregistered", nodeName },
      },
    ];
  });
}

/** No other event shows that a node has been unregistered for long enough. */
function planUnregistered(
  observed: ObservedVolume,
  kept: readonly AzVolumeAttachment[],
): readonly ReplicaAction[] {
  const waits = kept
    .filter(
      (attachment) =>
        isReplica(recordOf(observed), attachment) && observed.node(attachment.spec.nodeName) === undefined,
    )
    .map(({ spec }) => UNREGISTERED_AFTER_MS - observed.unregisteredMs(spec.nodeName))
    .filter((waitMs) => waitMs > 0);
  if (waits.length === 0 || !isWriterWell(observed)) return [];
  return [{ kind: "Requeue", afterMs: Math.max(UNREGISTERED_AGAIN_MS, Math.min(...waits)) }];
}

/**
 * A node that is upgraded or removed should have no disks, as after a drain under V1; no pod can start
 * there. Only while no failover is near: until then a person may let the pods of a dead node go there.
 */
function planDrained(observed: ObservedVolume, replicas: readonly AzVolumeAttachment[]): readonly Deletion[] {
  if (!isPrimaryServed(observed) || !isWriterWell(observed)) return [];
  return replicas
    .filter(({ spec }) => drainedInMs(observed, spec.nodeName) <= 0)
    .map(({ metadata, spec: { nodeName } }) => ({
      kind: "DeleteAttachment",
      attachmentName: metadata.name,
      because: "its node has been unschedulable for a while",
      onlyWhile: { kind: "Unschedulable", nodeName },
    }));
}

/**
 * A replica where the volume's pods stay off, by the node's labels or by a pod that has come there since.
 * After a failover, a pod keeps the others of its kind off its new node: their replicas there are of no use.
 * Only with no failover near, while a node can take it, and once all others are attached: one at a time.
 */
function planMisplaced(
  observed: ObservedVolume,
  replicas: readonly AzVolumeAttachment[],
): readonly Deletion[] {
  if (!isPrimaryServed(observed) || !isWriterWell(observed)) return [];
  if (missingReplicas(observed, replicas) > 0) return [];
  for (const replica of replicas) {
    const node = observed.node(replica.spec.nodeName);
    const because =
      node === undefined ? undefined : whyPodsStayOff(observed.placementOn(node.nodeName), node);
    if (because === undefined) continue;
    const others = replicas.filter((other) => other !== replica);
    if (!others.every(isAttached) || !couldTakeReplica(observed, observed.nodes())) return [];
    return [
      {
        kind: "DeleteAttachment",
        attachmentName: replica.metadata.name,
        because: `its node ${because}`,
        onlyWhile: othersStay(observed, others, { isGrantNeeded: true }),
      },
    ];
  }
  return [];
}

/** No other event shows that a node has been unschedulable for long enough. */
function planDraining(
  observed: ObservedVolume,
  kept: readonly AzVolumeAttachment[],
): readonly ReplicaAction[] {
  const waits = kept
    .filter((attachment) => isReplica(recordOf(observed), attachment))
    .map(({ spec }) => drainedInMs(observed, spec.nodeName))
    .filter((waitMs) => waitMs > 0 && waitMs < Infinity);
  return waits.length === 0 ? [] : [{ kind: "Requeue", afterMs: Math.min(...waits) }];
}

/** When a node's replicas are due for release, in milliseconds from now; infinite if it is schedulable. */
function drainedInMs({ node, unschedulableMs, settings }: ObservedVolume, nodeName: string): number {
  if (node(nodeName)?.isUnschedulable !== true) return Infinity;
  return settings.releaseDrainedAfterMs - unschedulableMs(nodeName);
}

function planCreations(
  observed: ObservedVolume,
  kept: readonly AzVolumeAttachment[],
): readonly ReplicaAction[] {
  if (!keepsReplicas(observed.volume) || isResizingOffline(observed.volume) || !isPrimaryServed(observed))
    return [];
  const missing = Math.max(0, missingReplicas(observed, kept));
  // A deleting attachment holds its share until Azure has detached the disk; a replica whose every attempt
  // failed never got one. A possible writer's counts, as it does for surplus replicas: otherwise each
  // replica would be deleted as soon as it was created.
  const takesShare = (attachment: AzVolumeAttachment): boolean =>
    isTerminating(attachment) ||
    !isReplica(recordOf(observed), attachment) ||
    !isGivenUp(observed, attachment);
  const maxShares = maxSharesOf(observed.volume);
  const sharesNow =
    maxShares - observed.attachments.filter(({ attachment }) => takesShare(attachment)).length;
  const sharesSoon = maxShares - kept.filter(takesShare).length;
  const requested = Math.max(0, Math.min(missing, sharesNow));
  // Replicas that only wait for a free share are not missing.
  const waiting = Math.max(0, Math.min(missing, sharesSoon) - requested);
  const withoutPlace = missing - waiting;
  // A cluster has thousands of nodes: none is judged for replicas that wait for a share, as those of many
  // volumes do after a failover, or that the nodes of a shared volume leave none.
  if (withoutPlace === 0) return [];
  const { chosen, rejected } =
    requested === 0 ? { chosen: [], rejected: [] } : chooseReplicaNodes(observed, requested);
  // Missing replicas are reported once placement has ended: otherwise each node would be reported twice,
  // for two reasons.
  if (chosen.length > 0) return chosen.map((node) => ({ kind: "CreateReplica", nodeName: node.nodeName }));
  return [{ kind: "ReplicasMissing", missing: withoutPlace, rejected }];
}

/** How many replicas more than these attachments are requested; negative where they are too many. */
export function missingReplicas(
  observed: Pick<ObservedVolume, "volume" | "settings">,
  kept: readonly AzVolumeAttachment[],
): number {
  const { spec, status } = observed.volume;
  const counted = kept.filter(
    (attachment) => isReplica(status?.record, attachment) && !isGivenUp(observed, attachment),
  );
  return spec.maxMountReplicaCount - counted.length;
}

/**
 * Attachments that are no replicas are not pruned: a writer is released first, which changes the record.
 */
function planPruning(
  observed: ObservedVolume,
  kept: readonly AzVolumeAttachment[],
): readonly ReplicaAction[] {
  const since = observed.volume.status?.unrequestedSince;
  const mayBeUsed = kept.some((attachment) => isUsedReplica(observed, attachment));
  if ((since !== undefined || mayBeUsed) && observed.pods() === undefined)
    return [{ kind: "Requeue", afterMs: PODS_LISTED_AFTER_MS }];
  if (
    since === undefined ||
    isRequested(observed) ||
    !kept.some((attachment) => isReplica(recordOf(observed), attachment))
  )
    return [];
  return [{ kind: "Requeue", afterMs: Math.max(1, pruneInMs(observed, since)) }];
}

/** Whether the record names a node of that name as the writer, or as one that may be. */
export function mayWrite(record: WriterRecord | undefined, nodeName: string): boolean {
  return isNamed(record, nodeName, "writer", "unverified");
}

/** Replicas only: never the writer, whatever its role says, and never a node that requests the volume. */
export function isReplica(record: WriterRecord | undefined, { spec }: AzVolumeAttachment): boolean {
  return spec.role === "Replica" && spec.writerRequest === undefined && !mayWrite(record, spec.nodeName);
}

/**
 * Whether a replica's node may write, where several nodes do: a pod has started there, and its request was
 * lost, with the objects or by an older backup. A pod that the backup lacks only the node shows, by what it
 * reports since. An init container may write, too. A pod that only waits there keeps no share from others.
 */
export function isUsedReplica(observed: ObservedVolume, attachment: AzVolumeAttachment): boolean {
  const { nodeName } = attachment.spec;
  if (isSingleWriter(observed.volume.spec.capabilities) || !isReplica(undefined, attachment)) return false;
  const node = observed.orchestratorNode(nodeName);
  if (node.isGone || node.isOutOfService) return false;
  if (isOnUnheardNode(observed, attachment) || isReportedInUse(observed, attachment)) return true;
  return observed.pods()?.some((pod) => pod.nodeName === nodeName && !pod.hasNeverRun) !== false;
}

/** Whether only its node can say whether it uses an attachment, and has not yet: `isUnheard`. */
export function isOnUnheardNode(observed: ObservedVolume, { spec }: AzVolumeAttachment): boolean {
  const { nodeName } = spec;
  const node = observed.node(nodeName) ?? { heartbeatUnchangedMs: observed.unregisteredMs(nodeName) };
  return isUnheard(observed.settings, node, observed.storeIncarnation ?? 0);
}

/** A replica that is marked as in use, and that its node reports as staged: it has not unstaged it since. */
function isReportedInUse(observed: ObservedVolume, attachment: AzVolumeAttachment): boolean {
  const { volumeName, nodeName, published } = attachment.spec;
  if (published !== true || isTerminating(attachment)) return false;
  return observed.node(nodeName)?.staged?.some((staged) => staged.volumeName === volumeName) === true;
}

function hasPrimary(observed: ObservedVolume): boolean {
  return stayingAttachments(observed).some((attachment) => attachment.spec.role === "Primary");
}

/** The primary comes first: its attach must not queue behind those of its replicas. */
function isPrimaryServed(observed: ObservedVolume): boolean {
  const primaries = stayingAttachments(observed).filter((attachment) => attachment.spec.role === "Primary");
  return primaries.length > 0 && primaries.every((primary) => isServed(observed, primary));
}

/**
 * Whether the next pod needs no more replicas than are asked for. The record has to name the node that uses
 * the volume: roles and requests that a backup restored may be those of a node that the pod has left, and
 * the next pod may need any replica. Several writers have no record. Where one of them has just left, its
 * next pod may come to any replica, too.
 */
function isSettled(observed: ObservedVolume, replicas: readonly AzVolumeAttachment[]): boolean {
  const record = recordOf(observed);
  if (record !== undefined) return standingGrant(record) !== undefined;
  return isWriterWell(observed) && settledInMs(observed, replicas) <= 0;
}

/** When the last of some replicas has not changed for as long as an unrequested volume keeps its own. */
function settledInMs(
  { attachments, settings }: ObservedVolume,
  replicas: readonly AzVolumeAttachment[],
): number {
  const unchangedMs = attachments
    .filter(({ attachment }) => replicas.includes(attachment))
    .map((replica) => replica.watchedUnchangedMs);
  return settings.pruneReplicasAfterMs - Math.min(...unchangedMs);
}

/** No other event shows that replicas have been too many for long enough, where several nodes write. */
function planSettling(
  observed: ObservedVolume,
  kept: readonly AzVolumeAttachment[],
): readonly ReplicaAction[] {
  const record = recordOf(observed);
  if (record !== undefined || isRecordMissing(observed.volume) || !hasPrimary(observed)) return [];
  if (missingReplicas(observed, kept) >= 0) return [];
  const replicas = kept.filter((attachment) => isReplica(record, attachment));
  return [{ kind: "Requeue", afterMs: Math.max(SETTLED_AGAIN_MS, settledInMs(observed, replicas)) }];
}

function standingGrant({ writer, fencing }: WriterRecord): Grant | undefined {
  return writer?.requested === true && fencing === undefined
    ? { nodeName: writer.nodeName, epoch: writer.epoch }
    : undefined;
}

/** Whether a record still has that grant, and its node uses the volume. */
export function isGrantStanding(record: WriterRecord | undefined, { nodeName, epoch }: Grant): boolean {
  const grant = record === undefined ? undefined : standingGrant(record);
  return grant?.nodeName === nodeName && grant.epoch === epoch;
}

/** A device that its writer misses is no reason to wait. Of several writers nothing says who they are. */
function isServed(observed: ObservedVolume, primary: AzVolumeAttachment): boolean {
  const record = recordOf(observed);
  const mayMiss = record === undefined || isNamed(record, primary.spec.nodeName, "holder");
  return mayMiss ? primary.status?.state === "Attached" : isAttached(primary);
}

/**
 * Its node is out of service, or is fenced from the volume and may not have it attached. A fence of an
 * earlier VM of that name says nothing about the current one. A node leaves quarantine right after it has
 * reported clean, and an old cache may still show the record in between.
 */
function planUnfit(observed: ObservedVolume, replica: AzVolumeAttachment): readonly Deletion[] {
  const { nodeName } = replica.spec;
  const deletion = { kind: "DeleteAttachment", attachmentName: replica.metadata.name } as const;
  if (isOutOfService(observed, nodeName))
    return [
      { ...deletion, because: "its node is out of service", onlyWhile: { kind: "OutOfService", nodeName } },
    ];
  const vmId = (observed.node(nodeName) ?? attachedVm(replica))?.vmId;
  const node = vmId === undefined ? nodeName : { nodeName, vmId };
  return isNamed(recordOf(observed), node, "quarantined")
    ? [{ ...deletion, because: "its node is fenced from the disk", onlyWhile: { kind: "Quarantined", node } }]
    : [];
}

/** `attachments` without those that `deletions` name. */
function without(
  attachments: readonly AzVolumeAttachment[],
  deletions: readonly Deletion[],
): readonly AzVolumeAttachment[] {
  const names = new Set(deletions.map(({ attachmentName }) => attachmentName));
  return attachments.filter(({ metadata }) => !names.has(metadata.name));
}

/**
 * Without another candidate node, it would count as a replica for ever, though the cause may be over,
 * such as a VM being replaced. Measured by its error's time or by the controller's clock: either one set
 * back must not postpone it.
 */
function isDueForAnotherTry(observed: ObservedVolume, replica: AzVolumeAttachment): boolean {
  const failedAt = replica.status?.error?.time;
  if (!isGivenUp(observed, replica) || failedAt === undefined) return false;
  const isLongAgo = (ms: number): boolean => ms >= TRIED_AGAIN_AFTER_MS;
  const { attachments, nowMs } = observed;
  return (
    isLongAgo(nowMs - fromTimestamp(failedAt)) ||
    attachments.some(({ attachment, unchangedMs }) => attachment === replica && isLongAgo(unchangedMs))
  );
}

/**
 * Deletes replicas beyond the requested count, and those whose share a primary needs: least useful first,
 * then those beside fewer of the pods' other volumes, since a pod moves with all of its volumes, then by the
 * node's name, which is the same for each of them. A plan on a cache that misses this deletion could choose
 * a second replica. A revoked grant that the cache misses can also turn its node's attachment into the least
 * useful replica, and the replica that is deleted into the one that the next pod needs.
 */
function planSurplus(observed: ObservedVolume, replicas: readonly AzVolumeAttachment[]): readonly Deletion[] {
  const { maxMountReplicaCount } = observed.volume.spec;
  // Replicas that are being deleted, also by this plan, are not counted. Their shares become free
  // already, and another deletion would free one too many.
  const used = stayingAttachments(observed).filter((attachment) => isUsedReplica(observed, attachment));
  const room = maxSharesOf(observed.volume) - nonReplicasOf(observed).length - used.length;
  // The writer before last is the best replica: surplus replicas are deleted only after the new primary
  // is served.
  const isServing = isPrimaryServed(observed) && isSettled(observed, replicas);
  const allowed = isServing ? Math.min(maxMountReplicaCount, room) : room;
  const count = Math.max(0, replicas.length - allowed);
  if (count === 0) return [];
  const companionCounts = observed.companionCounts();
  const companions = ({ spec }: AzVolumeAttachment): number => companionCounts.get(spec.nodeName) ?? 0;
  const ranked = replicas.toSorted(
    (left, right) =>
      Number(couldTakeOver(observed, left)) - Number(couldTakeOver(observed, right)) ||
      Number(isAttached(left)) - Number(isAttached(right)) ||
      companions(left) - companions(right) ||
      left.spec.nodeName.localeCompare(right.spec.nodeName),
  );
  // A primary that needs a share may be waiting for its grant.
  const sharesShort = replicas.length - room;
  return ranked.slice(0, count).map(({ metadata }, index) => ({
    kind: "DeleteAttachment",
    attachmentName: metadata.name,
    because: "it is more than requested, or a primary needs its share",
    onlyWhile: othersStay(observed, [...ranked.slice(count), ...used], {
      isGrantNeeded: index >= sharesShort,
    }),
  }));
}

function nonReplicasOf(observed: ObservedVolume): readonly AzVolumeAttachment[] {
  return stayingAttachments(observed).filter((attachment) => !isReplica(recordOf(observed), attachment));
}

/** What a plan rests on that counts these replicas besides those that are none. */
function othersStay(
  observed: ObservedVolume,
  replicas: readonly AzVolumeAttachment[],
  { isGrantNeeded }: { readonly isGrantNeeded: boolean },
): ReplicaCondition {
  const record = recordOf(observed);
  const grant = isGrantNeeded && record !== undefined ? standingGrant(record) : undefined;
  const namesOf = (attachments: readonly AzVolumeAttachment[]): readonly string[] =>
    attachments.map(({ metadata }) => metadata.name);
  return {
    kind: "OthersStay",
    nonReplicaNames: namesOf(nonReplicasOf(observed)),
    replicaNames: namesOf(replicas),
    ...(grant === undefined ? {} : { grant }),
  };
}

/**
 * When the replicas of an unrequested volume are pruned, in milliseconds from now. Never while it is
 * requested.
 */
function pruneInMs(observed: ObservedVolume, unrequestedSince: string): number {
  if (isRequested(observed)) return Infinity;
  return fromTimestamp(unrequestedSince) + observed.settings.pruneReplicasAfterMs - observed.nowMs;
}
