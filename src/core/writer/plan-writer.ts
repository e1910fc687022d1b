import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import type { Writer, WriterRecord } from "../api/az-volume.ts";
import { identityOf, type NodeIdentity } from "../api/identity/node-identity.ts";
import {
  isDeleting,
  isOutOfService,
  isProvisioned,
  isResizingOffline,
  type ObservedAttachment,
  type ObservedNode,
  type ObservedVolume,
  recordOf,
  stayingAttachments,
} from "../attachment/observed-volume.ts";
import { fromTimestamp } from "../primitives/timestamp.ts";
import { isSilent, isUnreported } from "./node-silence.ts";
import { planBindings } from "./plan-bindings.ts";
import {
  isReplaced,
  planReleased,
  planReplacedUnverified,
  planReplacedWriter,
  repeatsReplaced,
  replacedNodes,
} from "./plan-replaced-writer.ts";
import { planSilentWriter } from "./plan-silent-writer.ts";
import { isNamed, nodesIn } from "./record/record-nodes.ts";
import { grant } from "./record/writer-steps.ts";
import type { FenceGround, WriterAction } from "./writer-action.ts";

const RECHECK_MS = 1_000;
/** How long a node may stay unverified beside a writer before that is reported, in milliseconds. */
const DISPUTED_MS = 120_000;
/**
 * How long a request may have no user in the caches before it is reported and checked by an uncached
 * read, in milliseconds.
 */
const NO_USER_MS = 15_000;
/**
 * How long a node with heartbeats may hold a volume without an AzVolumeAttachment before Azure is asked,
 * in milliseconds: one with a checkpoint releases it by itself.
 */
const STRANDED_MS = 10_000;
const RELEASE_REFUSED =
  "has unmounted the volume, and the API server refuses its release; where its Node was made again, " +
  "delete the pod of its node plug-in, so that it gets a new token";
/** How often to ask the platform whether a VM without a node still exists, in milliseconds. */
const ASK_PLATFORM_MS = 10_000;

/**
 * Plans the next step of the writer record. Empty when the record is as requested, or only a fence's
 * proof can change it.
 */
export function planWriter(observed: ObservedVolume): readonly WriterAction[] {
  const record = recordOf(observed);
  if (record === undefined) return [];
  const checks = replacedNodes(observed, record).map(
    (node) => ({ kind: "AskAzure", question: "gone", node }) as const,
  );
  return [
    ...checks,
    ...planRecallEnds(observed, record),
    ...planRequestEnds(observed),
    ...planBindings(observed, record),
    ...planMove(observed, record),
  ];
}

function planMove(observed: ObservedVolume, record: WriterRecord): readonly WriterAction[] {
  const { writer } = record;
  const named = nodesIn(record, "unverified");
  const unverified =
    record.fencing === undefined ? named.filter((node) => !repeatsReplaced(observed, node)) : [];
  if (writer !== undefined) {
    if (writer.held && isNamed(record, writer, "fencing")) return [];
    const besideWriter = unverified.flatMap((node) => planForUnverified(observed, node));
    return [...planForWriter(observed, writer), ...withoutWaits(observed, writer, besideWriter)];
  }
  if (named.length > 0) return unverified.flatMap((node) => planForPossibleWriter(observed, record, node));
  return planGrant(observed, record);
}

/**
 * Without a writer, an unverified node blocks the next grant: a silent one is reported like a silent
 * writer.
 */
function planForPossibleWriter(
  observed: ObservedVolume,
  record: WriterRecord,
  node: NodeIdentity,
): readonly WriterAction[] {
  const planned = planForUnverified(observed, node);
  const reported = isAwaited(observed, record) ? planned : planned.map(withoutWaitForProof);
  // The node of its name is another VM, whose silence says nothing about this one.
  return isReplaced(observed, node)
    ? reported
    : withSilence(reported, planSilentWriter(observed, node.nodeName, "unverified"));
}

/**
 * Each state is reported once: with a silent writer, the waiting pods get the cause and the remedy
 * instead of only the writer's name.
 */
function withSilence(
  planned: readonly WriterAction[],
  silence: readonly WriterAction[],
): readonly WriterAction[] {
  // The driver fences the node by itself: no action of a person is required.
  if (planned.some(({ kind }) => kind === "BeginFence")) return planned;
  const isReportedAsSilent = silence.some(({ kind }) => kind === "WaitFor");
  const added = planned.length === 0 ? silence : silence.filter(({ kind }) => kind !== "Requeue");
  return [...planned.filter(({ kind }) => kind !== "WaitFor" || !isReportedAsSilent), ...added];
}

function planRecallEnds(observed: ObservedVolume, record: WriterRecord): readonly WriterAction[] {
  return observed.attachments
    .filter(
      ({ attachment }) =>
        attachment.spec.recall !== undefined && !isRecallDue(record, attachment.spec.nodeName),
    )
    .map(({ attachment }) => ({ kind: "Recall", attachmentName: attachment.metadata.name, isDue: false }));
}

function planRequestEnds(observed: ObservedVolume): readonly WriterAction[] {
  return stayingAttachments(observed)
    .filter((attachment) => attachment.spec.writerRequest !== undefined || attachment.spec.role === "Primary")
    .map((attachment) => attachment.spec.nodeName)
    .filter((nodeName) => isOutOfService(observed, nodeName))
    .map((nodeName) => ({ kind: "Withdraw", from: "attachment", nodeName }));
}

function isRecallDue(record: WriterRecord, nodeName: string): boolean {
  return record.writer?.nodeName === nodeName && record.writer.held && !record.writer.requested;
}

function planForWriter(observed: ObservedVolume, writer: Writer): readonly WriterAction[] {
  if (isReplaced(observed, writer)) return planReplacedWriter(observed, writer, requestingNodes(observed));
  return withSilence(planForPresentWriter(observed, writer), planSilentWriter(observed, writer.nodeName));
}

function planForPresentWriter(observed: ObservedVolume, writer: Writer): readonly WriterAction[] {
  const node = identityOf(writer);
  const present = observed.node(writer.nodeName);
  if (writer.requested) {
    if (isOutOfService(observed, writer.nodeName)) return [{ kind: "Withdraw", from: "record", node }];
    return planForRequestedWriter(observed, node);
  }
  if (!writer.held) return planReleased(observed, writer, requestingNodes(observed));
  return planForUnrequestedHolder(observed, writer, present);
}

/** Another request waits, or this one may have leaked: check whether the volume is still used there. */
function planForRequestedWriter(observed: ObservedVolume, node: NodeIdentity): readonly WriterAction[] {
  const own = observed.attachments.find(
    ({ attachment }) => attachment.spec.nodeName === node.nodeName,
  )?.attachment;
  const waiting = requestsOf(observed).filter((attachment) => attachment.spec.nodeName !== node.nodeName);
  const hasLeaked = own?.spec.writerRequest === undefined;
  if (waiting.length === 0 && !hasLeaked) return [];
  if (observed.writerUse === "unused") return [{ kind: "ReleaseCheck", node }];
  if (waiting.length === 0) return [];
  const { writerUse: kind, writerUsers: users, whyUseUnknown: because } = observed;
  const message = waitsForRelease(
    waiting.map((attachment) => attachment.spec.nodeName),
    node.nodeName,
    { kind, users, because },
  );
  return [{ kind: "WaitFor", reason: "WaitingForWriter", message, retryAfterMs: RECHECK_MS }];
}

/** Which nodes and pods wait, and for which node. */
export function waitsForRelease(
  waiting: readonly string[],
  writer: string,
  use: {
    readonly kind: "used" | "unused" | "unknown";
    readonly users?: readonly string[];
    readonly because?: string | undefined;
  },
): string {
  const { kind, users = [], because } = use;
  const what = `${waiting.join(", ")} waits for the volume to be released by ${writer}`;
  if (kind === "used")
    return `${what}, where ${users.length === 0 ? "a workload" : users.join(", ")} still uses it`;
  return (
    `${what}; it is not known now whether a workload uses it ` +
    `there${because === undefined ? "" : `: ${because}`}`
  );
}

function planForUnrequestedHolder(
  observed: ObservedVolume,
  writer: Writer,
  present: ObservedNode | undefined,
): readonly WriterAction[] {
  const node = identityOf(writer);
  const own = observed.attachments.find(({ attachment }) => attachment.spec.nodeName === node.nodeName);
  if (own === undefined) return planWithoutAttachment(observed, node, present);
  const { recall } = own.attachment.spec;
  if (recall === undefined) {
    const leftMs = observed.settings.recallGraceMs - observed.unchangedMs;
    // An orderly unstage has withdrawn the request and is unmounting: it needs no recall, and no alarming
    // event.
    if (leftMs > 0 && !isOutOfService(observed, node.nodeName)) return [{ kind: "Requeue", afterMs: leftMs }];
  }
  if (isRequestedThere(observed, own.attachment)) return [{ kind: "ReleaseCheck", node }];
  if (recall === undefined)
    return [{ kind: "Recall", attachmentName: own.attachment.metadata.name, isDue: true }];
  const verdict = judgeRecall(observed, { ...own, recall }, present);
  if (verdict.kind === "failed")
    return [{ kind: "BeginFence", node, ground: verdict.ground, because: verdict.because }];
  const message = `${node.nodeName} ${verdict.because} (writer epoch ${writer.epoch})`;
  const reason = isOutOfService(observed, node.nodeName) ? "WaitingForFence" : "WaitingForUnmount";
  if (present === undefined || isSilent(observed, present))
    return [
      { kind: "AskAzure", question: "gone", node },
      { kind: "WaitFor", reason, message, retryAfterMs: ASK_PLATFORM_MS },
    ];
  return [{ kind: "WaitFor", reason, message, retryAfterMs: RECHECK_MS }];
}

/**
 * Its request stands in its attachment, and a user is seen there: a release check has marked the writer
 * and not checked since, because it was interrupted, or paused while a user came. The check is completed,
 * which renews the request for a user. An orderly unstage withdraws its request first.
 */
function isRequestedThere(observed: ObservedVolume, own: AzVolumeAttachment): boolean {
  if (own.spec.writerRequest === undefined || observed.writerUse !== "used") return false;
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
  const message = `${node.nodeName} holds the volume but has no AzVolumeAttachment to be recalled through`;
  if (present === undefined || isSilent(observed, present))
    return [
      { kind: "AskAzure", question: "gone", node },
      ...(present === undefined ? [] : [{ kind: "AskAzure", question: "detached", node } as const]),
      { kind: "WaitFor", reason: "NoAttachment", message, retryAfterMs: ASK_PLATFORM_MS },
    ];
  const wait = { kind: "WaitFor", reason: "NoAttachment", message, retryAfterMs: RECHECK_MS } as const;
  return observed.unchangedMs < STRANDED_MS
    ? [wait]
    : [{ kind: "AskAzure", question: "detached", node }, wait];
}

type RecalledAttachment = ObservedAttachment & {
  readonly recall: NonNullable<AzVolumeAttachment["spec"]["recall"]>;
};

type RecallVerdict =
  | { readonly kind: "wait"; readonly because: string }
  | { readonly kind: "failed"; readonly ground: FenceGround; readonly because: string };

/**
 * Decides whether a recall has failed. A node that makes progress gets unlimited time. A silent one is
 * fenced only where the orchestrator reports it out of service.
 */
function judgeRecall(
  observed: ObservedVolume,
  recalled: RecalledAttachment,
  node: ObservedNode | undefined,
): RecallVerdict {
  const { settings } = observed;
  const { attachment, recall, unchangedMs, watchedUnchangedMs } = recalled;
  const answer = attachment.status?.recall?.id === recall.id ? attachment.status.recall : undefined;
  if (answer === undefined) {
    if (isOutOfService(observed, attachment.spec.nodeName)) {
      // No component is left there that could answer.
      if (node !== undefined && isUnreported(observed, node))
        return {
          kind: "failed",
          ground: "outOfService",
          because: "it is out of service, and its heartbeat is stale",
        };
      if (unchangedMs >= settings.recallAnswerMs)
        return {
          kind: "failed",
          ground: "outOfService",
          because: "it is out of service and does not answer the recall",
        };
      return { kind: "wait", because: "is out of service and has not answered the recall yet" };
    }
    return { kind: "wait", because: "has not answered the recall" };
  }
  // Its token is older than its Node, and will be renewed. Nothing there writes: there is nothing to
  // fence.
  if (answer.releaseRefused === true && !isOutOfService(observed, attachment.spec.nodeName))
    return { kind: "wait", because: RELEASE_REFUSED };
  const bound = answer.published.join(", ");
  const recalledForMs = observed.nowMs - fromTimestamp(recall.since);
  // Its plug-in answers, but the unmount is up to its kubelet, which may be dead. Writes until then are
  // no progress.
  const isForgotten =
    bound !== "" && observed.writerUse === "unused" && isOutOfService(observed, attachment.spec.nodeName);
  if (isForgotten && recalledForMs >= settings.recallAnswerMs)
    return {
      kind: "failed",
      ground: "outOfService",
      because: `it is out of service, and still has ${bound} mounted for a workload that is no more`,
    };
  if (watchedUnchangedMs < settings.unmountStallMs) {
    return {
      kind: "wait",
      because: bound === "" ? "is unmounting" : `still has ${bound} mounted for a workload`,
    };
  }
  return {
    kind: "failed",
    ground: isOutOfService(observed, attachment.spec.nodeName) ? "outOfService" : "stalled",
    because: `its unmount has made no progress for ${Math.floor(watchedUnchangedMs / 1000)} s`,
  };
}

function planForUnverified(observed: ObservedVolume, node: NodeIdentity): readonly WriterAction[] {
  if (isOutOfService(observed, node.nodeName))
    return [
      {
        kind: "BeginFence",
        node,
        ground: "outOfService",
        because: "it had the disk when the record was made, and is out of service",
      },
    ];
  const present = observed.node(node.nodeName);
  if (isReplaced(observed, node)) return planReplacedUnverified(observed, node);
  if (present === undefined) {
    const message = `${node.nodeName} has the disk attached and no node plug-in has registered by that name`;
    return [
      { kind: "AskAzure", question: "gone", node },
      { kind: "WaitFor", reason: "AttachedToForeignVM", message, retryAfterMs: ASK_PLATFORM_MS },
    ];
  }
  const message =
    `${node.nodeName} had the disk when the record was made and has not ` + "shown yet whether it is clean";
  const wait = { kind: "WaitFor", reason: "WaitingForProof", message } as const;
  return isSilent(observed, present)
    ? [
        { kind: "AskAzure", question: "gone", node },
        { ...wait, retryAfterMs: ASK_PLATFORM_MS },
      ]
    : [{ ...wait, retryAfterMs: RECHECK_MS }];
}

/**
 * They block no grant while one of them writes, but lost ones keep their shares, and would block the next
 * writer. One that stays unverified for long may have a pod that uses the disk as well.
 */
function withoutWaits(
  observed: ObservedVolume,
  writer: NodeIdentity,
  actions: readonly WriterAction[],
): readonly WriterAction[] {
  return actions.flatMap((action): readonly WriterAction[] => {
    if (action.kind !== "WaitFor") return [action];
    if (action.reason === "WaitingForProof" && observed.unchangedMs >= DISPUTED_MS) {
      const message =
        `${writer.nodeName} has reclaimed the volume, and another node does not release it: ` +
        `${action.message}`;
      return [{ kind: "WaitFor", reason: "ReclaimDisputed", message, retryAfterMs: ASK_PLATFORM_MS }];
    }
    return action.retryAfterMs < ASK_PLATFORM_MS ? [] : [{ kind: "Requeue", afterMs: action.retryAfterMs }];
  });
}

/**
 * Whether a pod that has not started, or another node than the unverified ones, waits for a proof. An
 * undisturbed writer waits for nothing: its node reclaims the volume.
 */
function isAwaited(observed: ObservedVolume, record: WriterRecord): boolean {
  if (requestsOf(observed).some(({ spec }) => !isNamed(record, spec.nodeName, "unverified"))) return true;
  return (observed.pods() ?? []).some((pod) => pod.isPending && !pod.isTerminating && pod.nodeName !== "");
}

function withoutWaitForProof(action: WriterAction): WriterAction {
  return action.kind === "WaitFor" && action.reason === "WaitingForProof"
    ? { kind: "Requeue", afterMs: action.retryAfterMs }
    : action;
}

/**
 * The oldest request with a user. A node's token may state a request without any workload: that alone is
 * no reason for a grant.
 */
function planGrant(observed: ObservedVolume, record: WriterRecord): readonly WriterAction[] {
  if (isDeleting(observed.volume) || !isProvisioned(observed.volume) || isResizingOffline(observed.volume))
    return [];
  const grantable = requestsOf(observed).flatMap(({ spec }): readonly NodeIdentity[] => {
    const node = observed.node(spec.nodeName);
    if (node === undefined || node.isOutOfService || node.isGone) return [];
    const identity = identityOf(node);
    return grant(record, identity).ok ? [identity] : [];
  });
  const used = grantable.find(({ nodeName }) => observed.hasUser(nodeName));
  if (used !== undefined) return [{ kind: "Grant", node: used, isUserSeen: true }];
  return grantable.length === 0 ? [] : planWithoutUser(observed, grantable);
}

/**
 * The cache of users may be behind by a moment. Users that it never shows are read uncached, at a slow
 * pace.
 */
function planWithoutUser(observed: ObservedVolume, unused: readonly NodeIdentity[]): readonly WriterAction[] {
  const names = unused.map(({ nodeName }) => nodeName);
  const isOld = observed.attachments.some(
    ({ attachment, unchangedMs }) => names.includes(attachment.spec.nodeName) && unchangedMs >= NO_USER_MS,
  );
  if (!isOld) return [{ kind: "Requeue", afterMs: RECHECK_MS }];
  const message = `${names.join(", ")} requests the volume, and no user of it is seen there`;
  return [
    ...unused.map((node) => ({ kind: "Grant", node, isUserSeen: false }) as const),
    { kind: "WaitFor", reason: "WaitingForUser", message, retryAfterMs: ASK_PLATFORM_MS },
  ];
}

function requestingNodes(observed: ObservedVolume): readonly string[] {
  return requestsOf(observed).map(({ spec }) => spec.nodeName);
}

/** Attachments with a writer request, the oldest first. */
function requestsOf(observed: ObservedVolume): readonly AzVolumeAttachment[] {
  return stayingAttachments(observed)
    .filter((attachment) => attachment.spec.writerRequest !== undefined)
    .toSorted(
      (left, right) =>
        compareText(left.spec.writerRequest?.since ?? "", right.spec.writerRequest?.since ?? "") ||
        compareText(left.metadata.name, right.metadata.name),
    );
}

function compareText(left: string, right: string): number {
  return Number(left > right) - Number(left < right);
}
