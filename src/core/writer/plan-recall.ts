import type { AttachmentStatus, AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { Writer, WriterRecord } from "../api/az-volume.ts";
import { identityOf, type NodeIdentity } from "../api/identity/node-identity.ts";
import {
  isOutOfService,
  type ObservedAttachment,
  type ObservedNode,
  type ObservedVolume,
  shownVm,
  attachmentOn,
} from "../attachment/observed-volume.ts";
import { isSameResourceUri } from "../azure/ids/disk-uri.ts";
import { fromTimestamp } from "../primitives/timestamp.ts";
import { isSilent, isSilentAlone } from "./node-silence.ts";
import { remedyIfDead } from "./plan-silent-writer.ts";
import { RECHECK_MS, ASK_AGAIN_MS } from "./recheck-pace.ts";
import { isNamed } from "./record/record-nodes.ts";
import type { WriterAction } from "./writer-action.ts";

/**
 * How long a node with heartbeats may hold a volume without an AzVolumeAttachment before Azure is asked,
 * in milliseconds: one with a checkpoint releases it by itself.
 */
const STRANDED_MS = 10_000;
const RELEASE_REFUSED =
  "has unmounted the volume, and the API server refuses its release; where its Node was made again, " +
  "delete the pod of its node plug-in, so that it gets a new token";

type Recall = NonNullable<AzVolumeAttachment["spec"]["recall"]>;

/** Removes each recall that is no longer due. */
export function planRecallEnds(observed: ObservedVolume, record: WriterRecord): readonly WriterAction[] {
  return observed.attachments
    .filter(
      ({ attachment }) =>
        attachment.spec.recall !== undefined && !isRecallDue(record, attachment.spec.nodeName),
    )
    .map(({ attachment }) => ({ kind: "Recall", attachmentName: attachment.metadata.name, isDue: false }));
}

function isRecallDue(record: WriterRecord, nodeName: string): boolean {
  return isNamed(record, nodeName, "holder") && record.writer?.requested === false;
}

/** The writer holds the volume and no longer requests it: it is recalled, and fenced once that has failed. */
export function planForUnrequestedHolder(observed: ObservedVolume, writer: Writer): readonly WriterAction[] {
  const node = identityOf(writer);
  const present = observed.node(node.nodeName);
  const own = attachmentOn(observed, node.nodeName);
  if (own === undefined) return planWithoutAttachment(observed, node, present);
  const { recall } = own.attachment.spec;
  const isOut = isOutOfService(observed, node.nodeName);
  if (recall === undefined) {
    const leftMs = observed.settings.recallGraceMs - observed.unchangedMs;
    // An orderly unstage has withdrawn the request and is unmounting: it needs no recall, and no alarming
    // event.
    if (leftMs > 0 && !isOut) return [{ kind: "Requeue", afterMs: leftMs }];
  }
  if (isRequestedThere(observed, own.attachment)) return [{ kind: "ReleaseCheck", node }];
  const attachmentName = own.attachment.metadata.name;
  if (recall === undefined) return [{ kind: "Recall", attachmentName, isDue: true }];
  const hasNoHeartbeat = present === undefined || isSilent(observed, present);
  // It can't report progress, nor does it as soon as it is back: only its answer to another recall counts.
  // One that has just answered can: its heartbeats alone fail. No answer counts as stalled before it is old.
  const { heartbeatStaleMs, unmountStallMs } = observed.settings;
  const isAnswerOld = own.unchangedMs >= Math.min(heartbeatStaleMs, unmountStallMs);
  if (hasNoHeartbeat && isAnswerOld && answerTo(recall, own.attachment) !== undefined)
    return [{ kind: "Recall", attachmentName, isDue: false }];
  const { hasFailed, because } = judgeRecall(observed, own, recall, present);
  if (hasFailed) return [{ kind: "BeginFence", node, ground: isOut ? "outOfService" : "stalled", because }];
  if (!isOut && !hasNoHeartbeat && isUnmountingSoon(observed, own, recall))
    return [{ kind: "Requeue", afterMs: RECHECK_MS }];
  const what = `${node.nodeName} ${because} (writer epoch ${writer.epoch})`;
  const message = isOut ? what : `${what}. ${remedyIfDead(observed, node.nodeName)}`;
  const reason = isOut ? "WaitingForFence" : "WaitingForUnmount";
  if (hasNoHeartbeat)
    return [
      { kind: "AskAzure", node, mayBeGone: true },
      { kind: "WaitFor", reason, message, retryAfterMs: ASK_AGAIN_MS },
    ];
  return [{ kind: "WaitFor", reason, message, retryAfterMs: RECHECK_MS }];
}

/**
 * Whether a recall is too young to be reported: its node has had no time to answer, or unmounts. The event
 * has the remedy for a dead node, and each unmount that takes longer than `recallGraceMs` would show it.
 */
function isUnmountingSoon(
  { nowMs, settings }: ObservedVolume,
  { attachment, unchangedMs }: ObservedAttachment,
  recall: Recall,
): boolean {
  // The second of two clocks: that of another controller may have set `since`.
  const ageMs = Math.max(unchangedMs, nowMs - fromTimestamp(recall.since));
  const { published = [] } = answerTo(recall, attachment) ?? {};
  return published.length === 0 && ageMs < settings.recallAnswerMs;
}

function answerTo({ id }: Recall, { status }: AzVolumeAttachment): AttachmentStatus["recall"] {
  return status?.recall?.id === id ? status.recall : undefined;
}

/**
 * Its request stands in its attachment, and a user is seen there: a release check has withdrawn it
 * from the record and got no further, because it was interrupted, or paused while a user came. The check is
 * completed, which renews the request for a user. An orderly unstage withdraws its request first.
 */
function isRequestedThere(observed: ObservedVolume, own: AzVolumeAttachment): boolean {
  if (own.spec.writerRequest === undefined || observed.writerUse.kind !== "used") return false;
  return !isOutOfService(observed, own.spec.nodeName);
}

/**
 * A holder that can't be recalled, since its attachment is gone: fenced on evidence that it is dead,
 * never for not answering.
 */
function planWithoutAttachment(
  observed: ObservedVolume,
  node: NodeIdentity,
  present: ObservedNode | undefined,
): readonly WriterAction[] {
  const because = "it has no AzVolumeAttachment to be recalled through";
  if (isOutOfService(observed, node.nodeName))
    return [
      { kind: "BeginFence", node, ground: "outOfService", because: `${because}, and is out of service` },
    ];
  // Where the disk is listed, recovery creates the missing attachment. The fence checks who uses the volume
  // there, proves that the disk is not there, and keeps others from attaching it there.
  if (isShownWithoutDisk(observed, node))
    return [
      {
        kind: "BeginFence",
        node,
        ground: "stalled",
        because: `${because}, and its VM does not have the disk`,
      },
    ];
  const message =
    `${node.nodeName} holds the volume but has no AzVolumeAttachment to be recalled through. ` +
    remedyIfDead(observed, node.nodeName);
  const asksVm = { kind: "AskAzure", node, mayBeGone: false } as const;
  if (present === undefined || isSilent(observed, present))
    return [
      { kind: "AskAzure", node, mayBeGone: true },
      ...(present === undefined ? [] : [asksVm]),
      { kind: "WaitFor", reason: "NoAttachment", message, retryAfterMs: ASK_AGAIN_MS },
    ];
  const wait = { kind: "WaitFor", reason: "NoAttachment", message, retryAfterMs: RECHECK_MS } as const;
  return observed.unchangedMs < STRANDED_MS ? [wait] : [asksVm, wait];
}

function isShownWithoutDisk(observed: ObservedVolume, node: NodeIdentity): boolean {
  const diskUri = observed.volume.status?.detail?.diskUri;
  const vm = shownVm(observed, node);
  if (diskUri === undefined || vm === undefined) return false;
  return !vm.dataDisks.some((entry) => isSameResourceUri(entry.diskUri, diskUri));
}

/**
 * Decides whether a recall has failed, and why, or else what it waits for. A node that makes progress gets
 * unlimited time. A silent one is fenced only where the orchestrator reports it out of service.
 */
function judgeRecall(
  observed: ObservedVolume,
  { attachment, unchangedMs, watchedUnchangedMs }: ObservedAttachment,
  recall: Recall,
  node: ObservedNode | undefined,
): { readonly hasFailed: boolean; readonly because: string } {
  const { settings } = observed;
  const isOut = isOutOfService(observed, attachment.spec.nodeName);
  const answer = answerTo(recall, attachment);
  if (answer === undefined) {
    if (!isOut) return { hasFailed: false, because: "has not answered the recall" };
    // No component is left there that could answer.
    if (node !== undefined && isSilentAlone(observed, node))
      return { hasFailed: true, because: "it is out of service, and its heartbeat is stale" };
    return unchangedMs >= settings.recallAnswerMs
      ? { hasFailed: true, because: "it is out of service and does not answer the recall" }
      : { hasFailed: false, because: "is out of service and has not answered the recall yet" };
  }
  // Its token is older than its Node, and will be renewed. Nothing there writes: there is nothing to
  // fence.
  if (answer.releaseRefused === true && !isOut) return { hasFailed: false, because: RELEASE_REFUSED };
  const bound = answer.published.join(", ");
  const byClocksMs = observed.nowMs - fromTimestamp(recall.since);
  // The clock of the controller that has recalled it was ahead: the request went shortly before.
  const recalledForMs = byClocksMs < 0 ? observed.unchangedMs : byClocksMs;
  // Its plug-in answers, but the unmount is up to its kubelet, which may be dead. Writes until then are
  // no progress.
  const isForgotten = bound !== "" && observed.writerUse.kind === "unused" && isOut;
  if (isForgotten && recalledForMs >= settings.recallAnswerMs) {
    const because = `it is out of service, and still has ${bound} mounted for a workload that is no more`;
    return { hasFailed: true, because };
  }
  return watchedUnchangedMs < settings.unmountStallMs
    ? {
        hasFailed: false,
        because: bound === "" ? "is unmounting" : `still has ${bound} mounted for a workload`,
      }
    : {
        hasFailed: true,
        because: `its unmount has made no progress for ${Math.floor(watchedUnchangedMs / 1000)} s`,
      };
}
