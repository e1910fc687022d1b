import type { WriterRecord } from "../api/az-volume.ts";
import { isForeign, type NodeIdentity } from "../api/identity/node-identity.ts";
import { isOutOfService, type ObservedVolume } from "../attachment/observed-volume.ts";
import { isWaitingElsewhere } from "../schedule/volume-pod.ts";
import { isSilent, silentAfterMs } from "./node-silence.ts";
import { isEarlierVm, planEarlierUnverified, renamedTo } from "./plan-earlier-vm.ts";
import { requestsOf } from "./plan-grant.ts";
import { planSilentWriter, remedyIfDead, withSilence } from "./plan-silent-writer.ts";
import { RECHECK_MS, ASK_AGAIN_MS } from "./recheck-pace.ts";
import { isNamed } from "./record/record-nodes.ts";
import type { WriterAction } from "./writer-action.ts";

/** How long a node may stay unverified beside a writer before that is reported, in milliseconds. */
const DISPUTED_MS = 120_000;
/** How often that report is repeated, so that its event is, in milliseconds. */
const DISPUTED_AGAIN_MS = 60_000;

/**
 * How long no AzDriverNode has to be seen before a VM counts as without a plug-in, in milliseconds: three
 * heartbeats. When the driver is installed again, plug-ins register after the controller starts.
 */
const REGISTERED_WITHIN_MS = 30_000;

/**
 * What it takes to prove an unverified node clean or gone. Without a writer it blocks the next grant: a
 * silent one is reported like a silent writer then.
 */
export function planUnverified(
  observed: ObservedVolume,
  record: WriterRecord,
  node: NodeIdentity,
): readonly WriterAction[] {
  const planned = planVerification(observed, node).flatMap((action) =>
    action.kind === "WaitFor" ? planWait(observed, record, node, action) : [action],
  );
  // The node of an earlier VM's name is another VM, whose silence says nothing about this one.
  return record.writer !== undefined || isEarlierVm(observed, node)
    ? planned
    : withSilence(planned, planSilentWriter(observed, node.nodeName, "unverified"));
}

function planVerification(observed: ObservedVolume, node: NodeIdentity): readonly WriterAction[] {
  // No mark of its earlier name says anything of a VM that is another node by now.
  if (renamedTo(observed, node) !== undefined)
    return isEarlierVm(observed, node)
      ? planEarlierUnverified(observed, node)
      : [{ kind: "Requeue", afterMs: ASK_AGAIN_MS }];
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
  if (isEarlierVm(observed, node)) return planEarlierUnverified(observed, node);
  if (present === undefined) {
    const what = `${node.nodeName} has the disk attached and no node plug-in has registered by that name`;
    const message = isForeign(node) ? what : `${what}. ${remedyIfDead(observed, node.nodeName)}`;
    return [
      { kind: "AskAzure", node, mayBeGone: true },
      observed.unregisteredMs(node.nodeName) < REGISTERED_WITHIN_MS
        ? { kind: "Requeue", afterMs: ASK_AGAIN_MS, tooEarlyFor: "AttachedToForeignVM" }
        : { kind: "WaitFor", reason: "AttachedToForeignVM", message, retryAfterMs: ASK_AGAIN_MS },
    ];
  }
  const message =
    `${node.nodeName} had the disk when the record was made ` + "and has not shown yet whether it is clean";
  const wait = { kind: "WaitFor", reason: "WaitingForProof", message } as const;
  return isSilent(observed, present)
    ? [
        { kind: "AskAzure", node, mayBeGone: true },
        { ...wait, retryAfterMs: ASK_AGAIN_MS },
      ]
    : [{ ...wait, retryAfterMs: RECHECK_MS }];
}

/**
 * The wait for an unverified node. Beside a writer it blocks no grant, but a lost one keeps its share, and
 * would block the next writer; one that stays unverified for long may have a pod that uses the disk as well.
 */
function planWait(
  observed: ObservedVolume,
  record: WriterRecord,
  node: NodeIdentity,
  wait: Extract<WriterAction, { kind: "WaitFor" }>,
): readonly WriterAction[] {
  const { writer } = record;
  const isForProof = wait.reason === "WaitingForProof";
  if (writer === undefined)
    // Each change that the next step waits for plans the volume again; thousands may be rebuilt at once.
    return isForProof && !isAwaited(observed, record) ? [{ kind: "Requeue", afterMs: ASK_AGAIN_MS }] : [wait];
  if (isForProof && observed.unchangedMs >= DISPUTED_MS) {
    const message =
      `${writer.nodeName} has reclaimed the volume, and another node does not release it: ` +
      `${wait.message}`;
    return [{ kind: "WaitFor", reason: "ReclaimDisputed", message, retryAfterMs: DISPUTED_AGAIN_MS }];
  }
  // Azure is asked by a loop of its own, and what a node or a person changes plans the volume again.
  if (!isForProof) return [];
  // Without a look of its own nothing would report it once it is due.
  const dueMs = Math.min(DISPUTED_MS - observed.unchangedMs, silentInMs(observed, node.nodeName));
  return [{ kind: "Requeue", afterMs: Math.max(RECHECK_MS, dueMs), tooEarlyFor: "ReclaimDisputed" }];
}

/**
 * When a node will count as silent that a controller has marked as such: no change shows that to a leader
 * which has begun since. Any other node is marked then, which plans its volumes again.
 */
function silentInMs(observed: ObservedVolume, nodeName: string): number {
  const node = observed.node(nodeName);
  if (node?.isMarkedSilent !== true || isSilent(observed, node)) return Infinity;
  return silentAfterMs(observed.settings, node) - node.heartbeatUnchangedMs;
}

/**
 * Whether a pod that has not started, or another node than the unverified ones, waits for a proof. An
 * undisturbed writer waits for nothing: its node reclaims the volume.
 */
function isAwaited(observed: ObservedVolume, record: WriterRecord): boolean {
  if (requestsOf(observed).some(({ spec }) => !isNamed(record, spec.nodeName, "unverified"))) return true;
  return (observed.pods() ?? []).some((pod) => isWaitingElsewhere(pod, undefined));
}
