import type { VolumeStatus, WriterRecord } from "../../core/api/az-volume.ts";
import { attachmentProblem } from "../../core/api/identity/attachment-identity.ts";
import { diskUriOf } from "../../core/api/identity/disk-uri-of.ts";
import type { NodeIdentity } from "../../core/api/identity/node-identity.ts";
import {
  isDeleting,
  isResizingOffline,
  type ObservedVolume,
  recordOf,
  attachmentOn,
} from "../../core/attachment/observed-volume.ts";
import {
  planUnrequestedTime,
  withoutUnrequestedTime,
  withUnrequestedTime,
} from "../../core/attachment/plan-unrequested-time.ts";
import { unreachable } from "../../core/failure/invariant.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { toTimestamp } from "../../core/primitives/timestamp.ts";
import { isWaitingElsewhere } from "../../core/schedule/volume-pod.ts";
import type { VolumeUse } from "../../core/schedule/volume-use.ts";
import { planConditions, withConditions } from "../../core/writer/plan-conditions.ts";
import { requestingNodes } from "../../core/writer/plan-grant.ts";
import { planWriter, releaseWaitText } from "../../core/writer/plan-writer.ts";
import { isGrantedAgain } from "../../core/writer/record/is-granted-again.ts";
import {
  distrust,
  beginFence,
  grant,
  identifyByUid,
  preempt,
  revoke,
  type Step,
  withdraw,
} from "../../core/writer/record/writer-steps.ts";
import type { WriterAction } from "../../core/writer/writer-action.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { isTrusted, readStoreIncarnation } from "../../objects/store-incarnation.ts";
import { changeSpec } from "../../objects/update-object.ts";
import { updateRecord, updateRecordAfterCheck } from "../../objects/update-record.ts";
import { withdrawRequest } from "../../objects/writer-request.ts";
import type { DriverEvent } from "../../ports/cluster/events.ts";
import type { StepName } from "../../ports/steps.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import type { WriterPorts } from "../controller-ports.ts";
import { rollbackReporter } from "../rollback/rollback-reporter.ts";
import { releaseCheck } from "./release-check.ts";
import { withdrawLeakedRequest } from "./withdraw-leaked-request.ts";

/** How long an answer is believed that a workload uses the volume, in milliseconds. */
const USERS_AGAIN_MS = 2_000;

/** Carries out one planned change of the record. A refusal is no failure: the next plan sees why. */
export async function executeWriterAction(
  ports: WriterPorts,
  observed: ObservedVolume,
  action: WriterAction,
  signal: AbortSignal,
): Promise<Reconciled> {
  const volumeName = observed.volume.metadata.name;
  const volumeId = diskUriOf(observed.volume);
  // Under any other name the volume has no users: a pod that uses it would be overlooked.
  if (volumeId === undefined) return ok({});
  const move = async (
    step: StepName,
    node: string,
    change: (record: WriterRecord) => Step,
  ): Promise<Reconciled> =>
    ignoreRefused(await updateRecord(ports, { volumeName, nodeName: node, step }, change, signal));
  switch (action.kind) {
    case "Grant":
      if (
        !action.isUserSeen &&
        !(await hasUserNow(ports, { nodeName: action.node.nodeName, volumeId }, signal))
      )
        return ok({});
      return ignoreRefused(await grantWriter(ports, observed, action.node, signal));
    case "Revoke":
      return ignoreRefused(await revokeWriter(ports, observed, signal));
    case "Distrust":
      return move("distrust", action.node.nodeName, (record) => distrust(record, action.node, action.as));
    case "Identify":
      return move("identify", action.node.nodeName, (record) => identifyByUid(record, action.node));
    case "Withdraw": {
      const nodeName = action.from === "record" ? action.node.nodeName : action.nodeName;
      if (!(await ports.users.isOutOfService(nodeName, signal)))
        return ok({ requeueAfterMs: USERS_AGAIN_MS });
      if (action.from === "attachment")
        return ignoreRefused(
          await withdrawRequest(ports, { volumeId, nodeName, keepsPrimary: false, isShared: false }, signal),
        );
      return move("withdraw", nodeName, (record) => withdraw(record, action.node));
    }
    case "ReleaseCheck": {
      const checked = await releaseCheck(ports, { volumeName, volumeId, node: action.node }, signal);
      if (!checked.ok) return checked;
      if (checked.value.kind === "stillUsed") {
        emitStillUsed(ports, observed, action.node.nodeName, checked.value.use);
        return ok({ requeueAfterMs: USERS_AGAIN_MS });
      }
      return ignoreRefused(
        await withdrawLeakedRequest(
          ports,
          checked.value.volume,
          { volumeId, nodeName: action.node.nodeName },
          signal,
        ),
      );
    }
    case "Recall":
      return ignoreRefused(
        action.isDue
          ? await recall(ports, volumeName, action.attachmentName, signal)
          : await endRecall(ports, action.attachmentName, signal),
      );
    case "BeginFence":
      return fenceWriter(ports, observed, { volumeName, volumeId }, action, signal);
    case "RecordPreempted":
      return recordPreempted(ports, volumeName, action, signal);
    case "AskAzure":
      // The loop `ask-azure` asks: this one never waits for Azure.
      return ok({});
    case "Requeue":
      return ok({ requeueAfterMs: action.afterMs });
    case "WaitFor":
    case "Report": {
      const { kind: _, retryAfterMs, ...event } = action;
      emit(ports, observed, event);
      return ok({ requeueAfterMs: retryAfterMs });
    }
    default:
      return unreachable(action);
  }
}

/** Reports a user that the cache did not show, or that the orchestrator could not be asked. */
function emitStillUsed(ports: WriterPorts, observed: ObservedVolume, writer: string, use: VolumeUse): void {
  const waiting = waitingNodes(observed);
  if (waiting.length > 0)
    emit(ports, observed, { reason: "WaitingForWriter", message: releaseWaitText(waiting, writer, use) });
}

function emit(
  { events }: WriterPorts,
  observed: ObservedVolume,
  event: Pick<DriverEvent, "reason" | "message" | "nodeName" | "localKey">,
): void {
  const about = { kind: "AzVolume", name: observed.volume.metadata.name } as const;
  events.emit({ about, ...event, waitingOn: waitingNodes(observed) });
}

/**
 * Nodes that request the volume and may not write yet, and those with a waiting pod: Kubernetes' attach
 * controller may delay its attach, so that there is no request.
 */
function waitingNodes(observed: ObservedVolume): readonly string[] {
  const writer = observed.volume.status?.record?.writer?.nodeName;
  const requesting = requestingNodes(observed).filter((nodeName) => nodeName !== writer);
  const waiting = (observed.pods() ?? []).filter((pod) => isWaitingElsewhere(pod, writer));
  return [...new Set([...requesting, ...waiting.map(({ nodeName }) => nodeName)])];
}

/** A record that does not allow the action any more needs no retry: its change causes the next plan. */
function ignoreRefused(result: Result<unknown>): Reconciled {
  if (result.ok || result.failure.kind === "NotWriter") return ok({});
  return result;
}

/**
 * Past every cache. With requests from VolumeAttachments a pod proves nothing: it may have been
 * force-deleted, or run without one.
 */
async function hasUserNow(
  ports: WriterPorts,
  where: { readonly nodeName: string; readonly volumeId: string },
  signal: AbortSignal,
): Promise<boolean> {
  return ports.attach === "driver" && (await ports.users.on(where, signal)).kind === "used";
}

/** Also reads the request uncached: it is in another object than the record. */
async function grantWriter(
  ports: WriterPorts,
  observed: ObservedVolume,
  node: NodeIdentity,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const attachment = attachmentOn(observed, node.nodeName)?.attachment;
  if (attachment === undefined) return ok({});
  const fresh = await ports.store.get("AzVolumeAttachment", attachment.metadata.name, signal);
  if (!fresh.ok) return ignoreNotFound(fresh);
  if (
    attachmentProblem(fresh.value, observed.volume) !== undefined ||
    fresh.value.spec.nodeName !== node.nodeName
  )
    return ok({});
  if (fresh.value.spec.writerRequest === undefined || fresh.value.metadata.deletionTimestamp !== undefined)
    return ok({});
  const granted = await updateRecordAfterCheck(
    ports,
    {
      volumeName: observed.volume.metadata.name,
      nodeName: node.nodeName,
      step: "grant",
      // After the record was read, as for *acquire*: before, the store could be rolled back in between.
      checkStore: () => readStoreIncarnation(ports, signal),
      alsoStatus: (status) =>
        // The next plan looks for users of this node. That others wait, and since when, is shown until then.
        withoutUnrequestedTime(
          withPlannedConditions({ ...observed, volume: { ...observed.volume, status } }, status),
        ),
    },
    (record, volume, storeIncarnation) => {
      if (isDeleting(volume)) return fail("the volume is being deleted");
      if (isResizingOffline(volume)) return fail("the disk grows only while no VM has it");
      if (record.storeIncarnation !== storeIncarnation)
        return fail("the record is of another store incarnation");
      const reporter = rollbackReporter(ports, observed.volume.metadata.name, storeIncarnation);
      if (reporter !== undefined)
        return fail(`${reporter} has a checkpoint of the volume, and reports a store rollback`);
      return grant(record, node);
    },
    signal,
  );
  if (granted.ok)
    ports.logger.info("writer granted", {
      volumeName: observed.volume.metadata.name,
      nodeName: node.nodeName,
      epoch: granted.value.status?.record?.epoch,
    });
  return granted;
}

/** In one write with what the next plan would write: no writer is left, and perhaps no request. */
function revokeWriter(
  ports: WriterPorts,
  observed: ObservedVolume,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const { volume } = observed;
  return updateRecord(
    ports,
    {
      volumeName: volume.metadata.name,
      nodeName: "",
      step: "revoke",
      alsoStatus: (status) => {
        const next = { ...observed, volume: { ...volume, status } };
        const unrequested = planUnrequestedTime(next);
        const planned = withPlannedConditions(next, status);
        return unrequested === undefined ? planned : withUnrequestedTime(planned, unrequested);
      },
    },
    revoke,
    signal,
  );
}

/** A status with the conditions that are due with it: `next` is the volume with that status. */
function withPlannedConditions(next: ObservedVolume, status: VolumeStatus): VolumeStatus {
  const conditions = planConditions(next, planWriter(next));
  return conditions === undefined ? status : withConditions(status, conditions);
}

async function recall(
  ports: WriterPorts,
  volumeName: string,
  attachmentName: string,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const id = ports.random.uuid();
  const since = toTimestamp(ports.clock.nowMs());
  const recalled = await ports.steps.run("recall", () =>
    changeSpec(
      ports.store,
      { kind: "AzVolumeAttachment", name: attachmentName },
      (attachment) =>
        attachment.spec.recall === undefined
          ? { ...attachment, spec: { ...attachment.spec, recall: { id, since } } }
          : undefined,
      signal,
    ),
  );
  if (recalled.ok)
    ports.logger.info("writer recalled", { volumeName, nodeName: recalled.value.spec.nodeName });
  return recalled;
}

function endRecall(
  ports: WriterPorts,
  attachmentName: string,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  return changeSpec(
    ports.store,
    { kind: "AzVolumeAttachment", name: attachmentName },
    (attachment) => {
      if (attachment.spec.recall === undefined) return undefined;
      const { recall: _, ...spec } = attachment.spec;
      return { ...attachment, spec };
    },
    signal,
  );
}

async function fenceWriter(
  ports: WriterPorts,
  observed: ObservedVolume,
  volume: { readonly volumeName: string; readonly volumeId: string },
  action: Extract<WriterAction, { kind: "BeginFence" }>,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { volumeName, volumeId } = volume;
  if (!(await isTrusted(ports, observed.volume.status?.record, signal)))
    return ok({ requeueAfterMs: USERS_AGAIN_MS });
  if (action.ground === "outOfService" && !(await ports.users.isOutOfService(action.node.nodeName, signal)))
    return ok({ requeueAfterMs: USERS_AGAIN_MS });
  const { nodeName } = action.node;
  const emitBegun = (): void => {
    const message = `${nodeName} is being fenced from the disk: ${action.because}`;
    emit(ports, observed, { nodeName, reason: "Fencing", message });
  };
  if (action.ground === "stalled") {
    const checked = await releaseCheck(
      ports,
      { volumeName, volumeId, node: action.node, fences: true },
      signal,
    );
    if (!checked.ok) return ignoreRefused(checked);
    if (checked.value.kind === "stillUsed") return ok({ requeueAfterMs: USERS_AGAIN_MS });
    emitBegun();
    return ok({});
  }
  const { node, distrusts } = action;
  const begun = await updateRecord(
    ports,
    { volumeName, nodeName, step: "begin-fence" },
    (record) =>
      // What the plan goes by says nothing of a later grant: the VM may have moved, or be back.
      distrusts === true && isGrantedAgain(recordOf(observed), record)
        ? fail("the volume was granted again since")
        : beginFence(record, node, { distrusts }),
    signal,
  );
  if (begun.ok) emitBegun();
  return ignoreRefused(begun);
}

/** The disk refuses the node's writes from now on. Azure's fence continues, and alone ends the fence. */
async function recordPreempted(
  ports: WriterPorts,
  volumeName: string,
  { node, epoch, by }: Extract<WriterAction, { kind: "RecordPreempted" }>,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { nodeName } = node;
  const recorded = await updateRecord(
    ports,
    { volumeName, nodeName, step: "record-preempted" },
    (record) => preempt(record, node, epoch),
    signal,
  );
  if (!recorded.ok) return ignoreRefused(recorded);
  ports.logger.info("writer preempted", { volumeName, nodeName, epoch, by });
  ports.events.emit({
    about: { kind: "AzVolume", name: volumeName },
    nodeName,
    reason: "WriterPreempted",
    message:
      `${by} has taken the reservation of the disk from ${nodeName}, whose writes the disk refuses from ` +
      `now on; its detach from ${nodeName} continues`,
  });
  return ok({});
}
