import type { WriterRecord } from "../api/az-volume.ts";
import type { NodeIdentity } from "../api/identity/node-identity.ts";
import { isOutOfService, type ObservedVolume } from "../attachment/observed-volume.ts";
import { isSilent } from "./node-silence.ts";
import { isEarlierVm, planEarlierUnverified } from "./plan-earlier-vm.ts";
import { requestsOf } from "./plan-grant.ts";
import { planSilentWriter, withSilence } from "./plan-silent-writer.ts";
import { RECHECK_MS, ASK_AGAIN_MS } from "./recheck-pace.ts";
import { isNamed } from "./record/record-nodes.ts";
import type { WriterAction } from "./writer-action.ts";

/** How long a node may stay unverified beside a writer before that is reported, in milliseconds. */
const DISPUTED_MS = 120_000;

/**
 * Without a writer, an unverified node blocks the next grant: a silent one is reported like a silent
 * writer.
 */
export function planForPossibleWriter(
  observed: ObservedVolume,
  record: WriterRecord,
  node: NodeIdentity,
): readonly WriterAction[] {
  const planned = planForUnverified(observed, node);
  const reported = isAwaited(observed, record) ? planned : planned.map(withoutWaitForProof);
  // The node of its name is another VM, whose silence says nothing about this one.
  return isEarlierVm(observed, node)
    ? reported
    : withSilence(reported, planSilentWriter(observed, node.nodeName, "unverified"));
}

/** Beside a writer, a node that is still unverified: what it takes to prove it clean or gone. */
export function planBesideWriter(
  observed: ObservedVolume,
  writer: NodeIdentity,
  unverified: readonly NodeIdentity[],
): readonly WriterAction[] {
  const planned = unverified.flatMap((node) => planForUnverified(observed, node));
  return withoutWaits(observed, writer, planned);
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
  if (isEarlierVm(observed, node)) return planEarlierUnverified(observed, node);
  if (present === undefined) {
    const message = `${node.nodeName} has the disk attached and no node plug-in has registered by that name`;
    return [
      { kind: "AskAzure", node, mayBeGone: true },
      { kind: "WaitFor", reason: "AttachedToForeignVM", message, retryAfterMs: ASK_AGAIN_MS },
    ];
  }
  const message =
    `${node.nodeName} had the disk when the record was made and has not ` + "shown yet whether it is clean";
  const wait = { kind: "WaitFor", reason: "WaitingForProof", message } as const;
  return isSilent(observed, present)
    ? [
        { kind: "AskAzure", node, mayBeGone: true },
        { ...wait, retryAfterMs: ASK_AGAIN_MS },
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
      return [{ kind: "WaitFor", reason: "ReclaimDisputed", message, retryAfterMs: ASK_AGAIN_MS }];
    }
    return action.retryAfterMs < ASK_AGAIN_MS ? [] : [{ kind: "Requeue", afterMs: action.retryAfterMs }];
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

/** Each change that the next step waits for plans the volume again; thousands may be rebuilt at once. */
function withoutWaitForProof(action: WriterAction): WriterAction {
  return action.kind === "WaitFor" && action.reason === "WaitingForProof"
    ? { kind: "Requeue", afterMs: ASK_AGAIN_MS }
    : action;
}
