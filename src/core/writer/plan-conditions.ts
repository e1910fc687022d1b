import type { VolumeStatus } from "../api/az-volume.ts";
import { isForeign } from "../api/identity/node-identity.ts";
import { isAttached } from "../attachment/attachment-state.ts";
import {
  keepsReplicas,
  type ObservedVolume,
  recordOf,
  stayingAttachments,
  stayingPrimaries,
} from "../attachment/observed-volume.ts";
import { believedMountProblems } from "../attachment/plan-mount-events.ts";
import { needsReplicas } from "../attachment/plan-unrequested-time.ts";
import { withRemedy } from "../events/event-reasons.ts";
import { lastingMountProblems, mountProblemSummary } from "../events/mount-problem-message.ts";
import { isPermanentKind } from "../failure/is-retryable.ts";
import { nameList } from "../failure/name-list.ts";
import { toTimestamp } from "../primitives/timestamp.ts";
import { couldTakeOver } from "./node-health.ts";
import { nodesIn } from "./record/record-nodes.ts";
import type { WriterAction } from "./writer-action.ts";

/**
 * True while every requested replica is attached to a node that could take over. Unchanged while the volume
 * is published nowhere but still needs its replicas; absent once it does not.
 */
export const FAILOVER_READY = "FailoverReady";

/** True while a node's request waits. The message says for what, and the remedy. */
export const WRITER_WAITING = "WriterWaiting";

/** True while the disk can't be attached to a requesting node: a person has to act. It quotes Azure. */
export const ATTACH_REFUSED = "AttachRefused";

/**
 * True while a VM that is no node of this cluster has the disk: only a person attaches and detaches it
 * there. The message names the VMs. Based on the record, so only for volumes that have one.
 */
export const ATTACHED_ELSEWHERE = "AttachedElsewhere";

/**
 * True while a node that holds the volume states that what it has mounted is dead, or has errors. Reason and
 * remedy are those of the event, which has the node's own words. Of several nodes the worst problem counts.
 */
export const MOUNT_UNHEALTHY = "MountUnhealthy";

/** The conditions that `planConditions` owns. */
export const plannedConditionTypes: readonly string[] = [
  FAILOVER_READY,
  WRITER_WAITING,
  ATTACH_REFUSED,
  ATTACHED_ELSEWHERE,
  MOUNT_UNHEALTHY,
];

/** Whether `planConditions` owns a condition. */
export function isPlannedHere(type: string): boolean {
  return plannedConditionTypes.includes(type);
}

/** A status with planned conditions. Other loops have conditions of their own on the same object. */
export function withConditions(status: VolumeStatus, planned: Conditions): VolumeStatus {
  const others = status.conditions.filter(({ type }) => !isPlannedHere(type));
  return { ...status, conditions: [...others, ...planned.filter(({ type }) => isPlannedHere(type))] };
}

/**
 * Whether two lists of conditions differ in nothing but what nodes state of their mounts, which a token may
 * change as often as it likes.
 */
export function differInMountsAlone(left: Conditions, right: Conditions): boolean {
  const others = (conditions: Conditions): Conditions =>
    conditions.filter(({ type }) => type !== MOUNT_UNHEALTHY);
  return isSame(others(left), others(right));
}

type Conditions = VolumeStatus["conditions"];
type Condition = Conditions[number];

/** The conditions to write, given the writer actions just planned; undefined: nothing is to be written. */
export function planConditions(
  observed: ObservedVolume,
  writerActions: readonly WriterAction[],
): Conditions | undefined {
  const present = observed.volume.status?.conditions;
  if (present === undefined) return undefined;
  const planned = [
    failoverReady(observed, present),
    writerWaiting(writerActions, present),
    attachRefused(observed),
    attachedElsewhere(observed),
    mountUnhealthy(observed),
  ];
  const requested = planned.filter((condition) => condition !== undefined);
  const others = present.filter((condition) => !isPlannedHere(condition.type));
  const next = [...others, ...requested.map((condition) => dated(condition, present, observed.nowMs))];
  return isSame(next, present) ? undefined : next;
}

type Undated = Omit<Condition, "lastTransitionTime">;

function failoverReady(observed: ObservedVolume, present: Conditions): Undated | undefined {
  if (!keepsReplicas(observed.volume)) return undefined;
  if (stayingPrimaries(observed).length === 0)
    return needsReplicas(observed)
      ? present.find((condition) => condition.type === FAILOVER_READY)
      : undefined;
  const requestedCount = observed.volume.spec.maxMountReplicaCount;
  const ready = stayingAttachments(observed).filter(
    (attachment) =>
      attachment.spec.role === "Replica" && isAttached(attachment) && couldTakeOver(observed, attachment),
  );
  const message =
    `${ready.length} of ${requestedCount} replicas are attached to nodes that could take ` +
    `over${ready.length === 0 ? "" : `: ${ready.map((replica) => replica.spec.nodeName).join(", ")}`}`;
  return ready.length >= requestedCount
    ? { type: FAILOVER_READY, status: "True", reason: "ReplicasAttached", message }
    : { type: FAILOVER_READY, status: "False", reason: "ReplicasMissing", message };
}

/** One that it is too early to report again stays: a change of leader is no end of a wait. */
function writerWaiting(writerActions: readonly WriterAction[], present: Conditions): Undated | undefined {
  const wait = writerActions.find((action) => action.kind === "WaitFor");
  const early = writerActions.flatMap((action) =>
    action.kind === "Requeue" ? (action.tooEarlyFor ?? []) : [],
  );
  return wait === undefined
    ? present.find(({ type, reason }) => type === WRITER_WAITING && early.some((one) => one === reason))
    : {
        type: WRITER_WAITING,
        status: "True",
        reason: wait.reason,
        message: withRemedy(wait.reason, wait.message),
      };
}

function attachRefused(observed: ObservedVolume): Undated | undefined {
  for (const { spec, status } of stayingPrimaries(observed)) {
    if (status?.error === undefined || !isPermanentKind(status.error.kind)) continue;
    const message = withRemedy("AttachRefused", `attach to ${spec.nodeName} failed: ${status.error.message}`);
    return { type: ATTACH_REFUSED, status: "True", reason: status.error.kind, message };
  }
  return undefined;
}

function attachedElsewhere(observed: ObservedVolume): Undated | undefined {
  const foreign = nodesIn(recordOf(observed), "unverified")
    .filter(isForeign)
    .map(({ instanceUri }) => instanceUri);
  if (foreign.length === 0) return undefined;
  const message = withRemedy("FoundAttached", `the disk is attached to ${nameList(foreign)}`);
  return { type: ATTACHED_ELSEWHERE, status: "True", reason: "FoundAttached", message };
}

/** A repair is no state: the file system is well, whatever it has lost. */
function mountUnhealthy({ volume, attachments }: ObservedVolume): Undated | undefined {
  const stated = attachments.flatMap(({ attachment }) =>
    believedMountProblems(volume, attachment).map(({ reason }) => ({
      reason,
      nodeName: attachment.spec.nodeName,
    })),
  );
  const reason = lastingMountProblems.find((lasting) => stated.some((one) => one.reason === lasting));
  if (reason === undefined) return undefined;
  const nodeNames = stated.flatMap((one) => (one.reason === reason ? one.nodeName : [])).toSorted();
  const message = withRemedy(reason, mountProblemSummary(nodeNames, reason));
  return { type: MOUNT_UNHEALTHY, status: "True", reason, message };
}

function dated(condition: Undated, present: Conditions, nowMs: number): Condition {
  const earlier = present.find((other) => other.type === condition.type);
  return {
    ...condition,
    lastTransitionTime:
      earlier?.status === condition.status ? earlier.lastTransitionTime : toTimestamp(nowMs),
  };
}

function isSame(left: Conditions, right: Conditions): boolean {
  const key = ({ type, status, reason, message }: Condition): string =>
    JSON.stringify([type, status, reason, message]);
  return (
    left.length === right.length &&
    left.every((condition) => right.some((other) => key(other) === key(condition)))
  );
}
