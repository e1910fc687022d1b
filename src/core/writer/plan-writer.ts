import type { Writer, WriterRecord } from "../api/az-volume.ts";
import { identityOf, includesNode, type NodeIdentity } from "../api/identity/node-identity.ts";
import { isPrimaryOrRequested } from "../attachment/attachment-state.ts";
import {
  attachmentOn,
  isOutOfService,
  type ObservedVolume,
  recordOf,
  stayingAttachments,
} from "../attachment/observed-volume.ts";
import { nameList } from "../failure/name-list.ts";
import type { VolumeUse } from "../schedule/volume-use.ts";
import {
  earlierVms,
  isEarlierVm,
  isLostWithNode,
  planEarlierWriter,
  planReleased,
  planRenamedWriter,
  renamedTo,
  renamedVms,
  repeatsEarlierVm,
} from "./plan-earlier-vm.ts";
import { planGrant, requestingNodes } from "./plan-grant.ts";
import { planNodeUids } from "./plan-node-uids.ts";
import { planForUnrequestedHolder, planRecallEnds } from "./plan-recall.ts";
import { planSilentWriter, withSilence } from "./plan-silent-writer.ts";
import { planUnverified } from "./plan-unverified.ts";
import { RECHECK_MS } from "./recheck-pace.ts";
import { isNamed, nodesIn } from "./record/record-nodes.ts";
import { planPreempted } from "./reservation/plan-preempted.ts";
import type { WriterAction } from "./writer-action.ts";

/** Plans the next step of the writer record. Empty: it is as requested, or waits for the proof of a fence. */
export function planWriter(observed: ObservedVolume): readonly WriterAction[] {
  const record = recordOf(observed);
  if (record === undefined) return [];
  const renamed = renamedVms(observed, record);
  const earlier = earlierVms(observed, record).filter((node) => !includesNode(renamed, node));
  const asksOfEarlierVms = [...renamed, ...earlier].map(
    (node) => ({ kind: "AskAzure", node, mayBeGone: true }) as const,
  );
  return [
    ...asksOfEarlierVms,
    ...planRecallEnds(observed, record),
    ...planRequestEnds(observed),
    ...planNodeUids(observed, record),
    ...planMove(observed, record),
  ];
}

function planMove(observed: ObservedVolume, record: WriterRecord): readonly WriterAction[] {
  const { writer } = record;
  const unverified = nodesIn(record, "unverified");
  const proofs = (record.fencing === undefined ? unverified : [])
    .filter((node) => !repeatsEarlierVm(observed, node))
    .flatMap((node) => planUnverified(observed, record, node));
  if (writer !== undefined) {
    if (writer.held && isNamed(record, writer, "fencing")) return planPreempted(observed);
    return [...planForWriter(observed, writer), ...proofs];
  }
  if (unverified.length > 0) return proofs;
  return planGrant(observed, record);
}

function planRequestEnds(observed: ObservedVolume): readonly WriterAction[] {
  return stayingAttachments(observed)
    .filter(isPrimaryOrRequested)
    .map((attachment) => attachment.spec.nodeName)
    .filter((nodeName) => isOutOfService(observed, nodeName))
    .map((nodeName) => ({ kind: "Withdraw", from: "attachment", nodeName }));
}

function planForWriter(observed: ObservedVolume, writer: Writer): readonly WriterAction[] {
  const present = renamedTo(observed, writer);
  if (present !== undefined && !isNamed(recordOf(observed), writer, "fencing"))
    return planRenamedWriter(observed, writer, present);
  if (isEarlierVm(observed, writer)) return planEarlierWriter(observed, writer);
  if (isLostWithNode(observed, writer))
    return [
      { kind: "AskAzure", node: identityOf(writer), mayBeGone: true },
      ...planEarlierWriter(observed, writer),
    ];
  return withSilence(planForPresentWriter(observed, writer), planSilentWriter(observed, writer.nodeName));
}

function planForPresentWriter(observed: ObservedVolume, writer: Writer): readonly WriterAction[] {
  if (writer.requested) {
    const node = identityOf(writer);
    if (isOutOfService(observed, writer.nodeName)) return [{ kind: "Withdraw", from: "record", node }];
    return planForRequestedWriter(observed, node);
  }
  return writer.held ? planForUnrequestedHolder(observed, writer) : planReleased(observed, writer);
}

/** Another request waits, or this one may have leaked: check whether the volume is still used there. */
function planForRequestedWriter(observed: ObservedVolume, node: NodeIdentity): readonly WriterAction[] {
  const waiting = requestingNodes(observed).filter((nodeName) => nodeName !== node.nodeName);
  const own = attachmentOn(observed, node.nodeName)?.attachment;
  const hasLeaked = own?.spec.writerRequest === undefined;
  if (waiting.length === 0 && !hasLeaked) return [];
  if (observed.writerUse.kind === "unused") return [{ kind: "ReleaseCheck", node }];
  if (waiting.length === 0) return [];
  const message = releaseWaitText(waiting, node.nodeName, observed.writerUse);
  return [{ kind: "WaitFor", reason: "WaitingForWriter", message, retryAfterMs: RECHECK_MS }];
}

/** Which nodes and pods wait, and for which node. */
export function releaseWaitText(waiting: readonly string[], writer: string, use: VolumeUse): string {
  const what = `${nameList(waiting)} waits for the volume to be released by ${writer}`;
  if (use.kind === "used")
    return `${what}, where ${use.users.length === 0 ? "a workload" : nameList(use.users)} still uses it`;
  const because = use.kind === "unknown" && use.because !== undefined ? `: ${use.because}` : "";
  return `${what}; it is not known now whether a workload uses it there${because}`;
}
