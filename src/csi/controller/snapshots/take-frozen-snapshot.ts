import type { AzVolumeAttachment } from "../../../core/api/az-volume-attachment.ts";
import { parseSnapshotUri } from "../../../core/azure/ids/snapshot-uri.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { stillWaiting } from "../../../core/failure/frequent-failures.ts";
import { unreachable } from "../../../core/failure/invariant.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import {
  type FrozenSnapshotAction,
  planFrozenSnapshot,
} from "../../../core/volume/copies/plan-frozen-snapshot.ts";
import { placeOf } from "../../../core/volume/parameters/snapshot-parameters.ts";
import { namedAttachment } from "../../../objects/named-attachment.ts";
import { changeSpec } from "../../../objects/update-object.ts";
import type { SnapshotFacts } from "../../../ports/cloud/snapshot-provisioner.ts";
import {
  freezeIdOf,
  freezeTags,
  frozenTags,
  isKnownFrozen,
  otherRequest,
} from "../../messages/snapshot-identity.ts";
import { waitingTimeMs } from "../../messages/waiting-time.ts";
import type { CallContext } from "../../server/unary-handler.ts";
import type { ControllerContext } from "../controller-context.ts";
import {
  type FrozenSnapshotRequest,
  observeFreeze,
  type ObservedFreeze,
  unlessRefused,
} from "./observe-freeze.ts";
import { noteOf } from "./snapshot-note.ts";

type Freeze = AzVolumeAttachment["spec"]["freeze"];

/** Confirm another, ask, wait, take, thaw, wait, confirm, answer; and two more for another controller. */
const ACTIONS_MAX = 10;

/**
 * Takes a snapshot while the writer's node keeps the file system frozen. The snapshot has a tag that makes it
 * count for nothing, until the node has answered that the freeze held until the content was fixed.
 */
export async function takeFrozenSnapshot(
  context: ControllerContext,
  request: FrozenSnapshotRequest,
  call: CallContext,
): Promise<Result<SnapshotFacts>> {
  let { target } = request;
  let confirmedId: string | undefined;
  for (let actions = 0; actions < ACTIONS_MAX; actions += 1) {
    const observed = await observeFreeze(context, { ...request, target, confirmedId }, call);
    if (!observed.ok) return observed;
    const action = planFrozenSnapshot(observed.value);
    if (action.kind === "Answer" && target !== undefined) return ok(target);
    if (action.kind === "ConfirmEarlier") confirmedId = observed.value.request?.id;
    const done = await execute(context, { ...observed.value, request: { ...request, target } }, action, call);
    if (!done.ok) return done;
    target = done.value ?? target;
  }
  return fail({ kind: "OperationInProgress", volumeId: request.snapshotUri, operation: "CreateSnapshot" });
}

/** Answers the snapshot where it has changed. */
async function execute(
  context: ControllerContext,
  observed: ObservedFreeze & { readonly request: FrozenSnapshotRequest },
  action: FrozenSnapshotAction,
  call: CallContext,
): Promise<Result<SnapshotFacts | undefined>> {
  const { request } = observed;
  const { snapshotUri, sourceUri, parameters } = request;
  const { signal } = call;
  const notFrozen = (detail: string): Result<never> =>
    fail({ kind: "SnapshotNotFrozen", snapshotUri, detail });
  switch (action.kind) {
    case "Ask": {
      const id = `${parseSnapshotUri(snapshotUri)?.name ?? ""}/${context.random.uuid()}`;
      const seconds = parameters.freezeSeconds;
      if (seconds === undefined) return notFrozen("its class has no fileSystemFreezeSeconds any more");
      const before = observed.attachment?.spec.freeze?.id;
      return setFreeze(
        context,
        observed,
        "request-freeze",
        (present) => (present?.id === before ? { id, seconds, snapshotUri } : present),
        signal,
      );
    }
    case "AwaitNode":
      return awaitNode(context, observed, action, call);
    case "Take":
      return take(context, observed, action.freezeId, signal);
    case "Thaw":
      return endFreeze(context, observed, { id: action.id, end: { isTaken: true } }, signal);
    case "Withdraw": {
      const ended = await endFreeze(context, observed, { id: action.id, end: undefined }, signal);
      return ended.ok ? notFrozen(action.why) : ended;
    }
    case "ConfirmEarlier": {
      const { earlier } = observed;
      if (earlier === undefined) return ok(undefined);
      const earlierUri = earlier.snapshotUri;
      const confirmed = await confirm(context, { target: earlier, snapshotUri: earlierUri }, signal);
      return confirmed.ok ? ok(undefined) : unlessRefused(context.logger, earlierUri, confirmed.failure);
    }
    case "Confirm":
      return confirm(context, request, signal);
    case "Discard": {
      const deleted = await discard(context, request, signal);
      return deleted.ok ? notFrozen(action.why) : deleted;
    }
    case "Wait":
      return stillWaiting(sourceUri, `a freeze (${action.why})`);
    case "Refuse":
      return fail({ kind: "SnapshotExistsWithOtherRequest", snapshotUri, difference: action.why });
    case "Answer":
      return ok(undefined);
    default:
      return unreachable(action);
  }
}

/** Takes the snapshot. One that may not have been taken in time must not find its freeze held. */
async function take(
  context: ControllerContext,
  observed: ObservedFreeze & { readonly request: FrozenSnapshotRequest },
  freezeId: string,
  signal: AbortSignal,
): Promise<Result<SnapshotFacts>> {
  const { request } = observed;
  const { snapshotUri, sourceUri, parameters } = request;
  const taken = await context.steps.run("take-snapshot", () =>
    context.snapshots.createSnapshot(
      {
        ...parameters,
        tags: { ...parameters.tags, ...freezeTags(freezeId) },
        snapshotUri,
        sourceUri,
        ...placeOf(request),
        objection: (present) =>
          otherRequest(present, { ...request, ...parameters, clusterId: context.clusterId }),
        // The freeze takes long enough for a growth to be asked for.
        note: noteOf(context, { snapshotUri, sourceUri }),
      },
      signal,
    ),
  );
  if (taken.ok || observed.attachment?.spec.freeze?.id !== freezeId) return taken;
  const end = { isCancelled: true } as const;
  const cancelled = await endFreeze(context, observed, { id: freezeId, end }, signal);
  return cancelled.ok ? taken : cancelled;
}

async function confirm(
  { snapshots, steps }: ControllerContext,
  { target, snapshotUri }: Pick<FrozenSnapshotRequest, "target" | "snapshotUri">,
  signal: AbortSignal,
): Promise<Result<SnapshotFacts | undefined>> {
  const tags = target === undefined ? undefined : frozenTags(target);
  if (target === undefined || tags === undefined)
    return fail({ kind: "OperationInProgress", volumeId: snapshotUri, operation: "CreateSnapshot" });
  return steps.run("confirm-snapshot", () =>
    snapshots.tagSnapshot({ snapshotUri, tags, objection: objectionIfReplaced(target) }, signal),
  );
}

function discard(
  { snapshots, steps }: ControllerContext,
  { target, snapshotUri }: FrozenSnapshotRequest,
  signal: AbortSignal,
): Promise<Result<void>> {
  if (target === undefined) return Promise.resolve(ok(undefined));
  return steps.run("delete-snapshot", () =>
    snapshots.deleteSnapshot({ snapshotUri, objection: objectionIfReplaced(target) }, signal),
  );
}

/** Another controller may have confirmed it, or deleted it and taken another one. */
function objectionIfReplaced(target: SnapshotFacts): (present: SnapshotFacts) => Failure | undefined {
  return (present) =>
    freezeIdOf(present.tags) === freezeIdOf(target.tags) &&
    present.createdAtMs === target.createdAtMs &&
    isKnownFrozen(present) === isKnownFrozen(target)
      ? undefined
      : { kind: "OperationInProgress", volumeId: present.snapshotUri, operation: "CreateSnapshot" };
}

/** Marks the end of a freeze in its request, if that is still there; `end` undefined: withdraws it. */
function endFreeze(
  context: ControllerContext,
  observed: ObservedFreeze,
  { id, end }: { readonly id: string; readonly end: Partial<NonNullable<Freeze>> | undefined },
  signal: AbortSignal,
): Promise<Result<undefined>> {
  const change = (present: Freeze): Freeze => (present?.id === id ? end && { ...present, ...end } : present);
  return setFreeze(context, observed, "end-freeze", change, signal);
}

async function setFreeze(
  { store, steps }: ControllerContext,
  { attachment }: ObservedFreeze,
  step: "request-freeze" | "end-freeze",
  change: (present: Freeze) => Freeze,
  signal: AbortSignal,
): Promise<Result<undefined>> {
  if (attachment === undefined) return ok(undefined);
  const { volumeName, volumeId, nodeName } = attachment.spec;
  const target = namedAttachment({ volumeName, diskUri: volumeId, nodeName });
  const changed = await steps.run(step, () =>
    changeSpec(
      store,
      { ...target, uid: attachment.metadata.uid },
      (present) => {
        const { freeze, ...spec } = present.spec;
        const next = change(freeze);
        return next === freeze
          ? undefined
          : { ...present, spec: { ...spec, ...(next === undefined ? {} : { freeze: next }) } };
      },
      signal,
    ),
  );
  return changed.ok ? ok(undefined) : changed;
}

async function awaitNode(
  context: ControllerContext,
  { attachment, request }: ObservedFreeze & { readonly request: FrozenSnapshotRequest },
  { id, isFrozen }: { readonly id: string; readonly isFrozen: boolean },
  call: CallContext,
): Promise<Result<undefined>> {
  const nodeName = attachment?.spec.nodeName ?? "";
  const isDone = (present: AzVolumeAttachment | undefined): boolean => {
    const answer = present?.status?.freeze;
    if (answer?.id !== id) return isFrozen;
    return !isFrozen || answer.state !== "Frozen";
  };
  const isAnswered = await context.cache.waitUntil(
    "AzVolumeAttachment",
    attachment?.metadata.name ?? "",
    isDone,
    waitingTimeMs(context, call, context.limits.waitMaxMs),
    call.signal,
  );
  return isAnswered
    ? ok(undefined)
    : stillWaiting(request.sourceUri, `${nodeName} to ${isFrozen ? "thaw" : "freeze"} its file system`);
}
