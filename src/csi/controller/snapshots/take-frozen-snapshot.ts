import type { AzVolumeAttachment } from "../../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../../core/api/az-volume.ts";
import { parseSnapshotUri } from "../../../core/azure/ids/snapshot-uri.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { invalidArgument, stillWaiting } from "../../../core/failure/frequent-failures.ts";
import { unreachable } from "../../../core/failure/invariant.ts";
import { isRetryable } from "../../../core/failure/is-retryable.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { whyReleased } from "../../../core/node/plan-freeze.ts";
import {
  type FrozenSnapshotAction,
  planFrozenSnapshot,
} from "../../../core/volume/copies/plan-frozen-snapshot.ts";
import { hasFailed } from "../../../core/volume/copies/unfinished-copy.ts";
import { namedAttachment, readAttachment } from "../../../objects/named-attachment.ts";
import { readVolume } from "../../../objects/read-volume.ts";
import { changeSpec } from "../../../objects/update-object.ts";
import type { SnapshotFacts } from "../../../ports/cloud/snapshot-provisioner.ts";
import {
  freezeIdOf,
  freezeTags,
  frozenTags,
  isKnownFrozen,
  otherRequest,
} from "../../messages/snapshot-identity.ts";
import type { SnapshotRequest } from "../../messages/snapshot-request.ts";
import { waitingTimeMs } from "../../messages/waiting-time.ts";
import type { CallContext } from "../../server/unary-handler.ts";
import type { ControllerContext } from "../controller-context.ts";
import { requireIncarnation } from "../require-incarnation.ts";

/** What a snapshot of a frozen file system needs. */
export type FreezeContext = Pick<
  ControllerContext,
  | "snapshots"
  | "clusterId"
  | "steps"
  | "store"
  | "cache"
  | "clock"
  | "random"
  | "limits"
  | "logger"
  | "gracePeriod"
>;

/** A snapshot to take of a frozen file system, in its disk's region. */
export interface FrozenSnapshotRequest extends SnapshotRequest {
  readonly location: string;
  /** As just read. */
  readonly target: SnapshotFacts | undefined;
}

type Freeze = AzVolumeAttachment["spec"]["freeze"];

/** Confirm another, ask, wait, take, thaw, wait, confirm, answer; and two more for another controller. */
const ACTIONS_MAX = 10;

/**
 * Takes a snapshot while the writer's node keeps the file system frozen. The snapshot has a tag that makes it
 * count for nothing, until the node has answered that the freeze held until the content was fixed.
 */
export async function takeFrozenSnapshot(
  context: FreezeContext,
  request: FrozenSnapshotRequest,
  call: CallContext,
): Promise<Result<SnapshotFacts, Failure>> {
  let { target } = request;
  let confirmedId: string | undefined;
  for (let actions = 0; actions < ACTIONS_MAX; actions += 1) {
    const observed = await observe(context, { ...request, target, confirmedId }, call);
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

interface Observed {
  readonly snapshot: Parameters<typeof planFrozenSnapshot>[0]["snapshot"];
  readonly volume: AzVolume | undefined;
  readonly attachment: AzVolumeAttachment | undefined;
  /** The snapshot of the present request, where that is owed its confirmation. */
  readonly earlier: SnapshotFacts | undefined;
}

async function observe(
  context: FreezeContext,
  {
    target,
    sourceUri,
    snapshotUri,
    confirmedId,
  }: FrozenSnapshotRequest & { confirmedId: string | undefined },
  call: CallContext,
): Promise<Result<Observed & Parameters<typeof planFrozenSnapshot>[0], Failure>> {
  const { signal } = call;
  const snapshot =
    target === undefined
      ? undefined
      : {
          freezeId: freezeIdOf(target.tags),
          isTaken: target.isTaken,
          isKnownFrozen: isKnownFrozen(target),
          hasFailed: hasFailed(target) || target.copyError !== undefined,
        };
  const ownPrefix = `${parseSnapshotUri(snapshotUri)?.name ?? ""}/`;
  const none = { snapshot, ownPrefix, volume: undefined, attachment: undefined, earlier: undefined };
  const unasked = { record: undefined, request: undefined, answer: undefined, obstacle: undefined };
  const unknown = { ...none, ...unasked, isOwed: false };
  if (snapshot?.isKnownFrozen === true) return ok(unknown);
  const read = await readTrusted(context, sourceUri, call);
  if (!read.ok) return read.failure.kind === "VolumeNotFound" && snapshot !== undefined ? ok(unknown) : read;
  const volume = read.value;
  const refused = snapshot === undefined ? whyNever(volume) : undefined;
  if (refused !== undefined) return fail(refused);
  const record = volume.status?.record;
  const diskUri = volume.status?.detail?.diskUri;
  const nodeName = record?.writer?.nodeName;
  if (nodeName === undefined || diskUri === undefined) return ok({ ...unknown, volume, record });
  const identity = { volumeName: volume.metadata.name, diskUri, nodeName };
  const found = await readAttachment(context.store, identity, signal);
  if (!found.ok && found.failure.kind !== "ObjectNotFound") return found;
  const attachment = found.ok ? found.value : undefined;
  const isConfirmed = snapshot !== undefined || attachment?.spec.freeze?.id === confirmedId;
  const owed = isConfirmed ? ok(undefined) : await owedTo(context, attachment, signal);
  if (!owed.ok) return owed;
  return ok({
    ...unknown,
    earlier: owed.value,
    isOwed: owed.value !== undefined,
    volume,
    record,
    attachment,
    request: attachment?.spec.freeze,
    answer: attachment?.status?.freeze,
    obstacle: attachment === undefined ? undefined : whyReleased(attachment),
  });
}

/**
 * Reads a volume. A record without a writer is read until it stays the same while the store is confirmed:
 * a restored backup may lack the writer, whose node has the volume mounted and answers no request.
 */
async function readTrusted(
  context: FreezeContext,
  sourceUri: string,
  call: CallContext,
): Promise<Result<AzVolume, Failure>> {
  let read = await readVolume(context, sourceUri, call.signal);
  while (read.ok && read.value.status?.record?.writer === undefined) {
    const waitMs = waitingTimeMs(context, call, context.limits.waitMaxMs);
    const confirmed = await context.gracePeriod.confirm(waitMs, call.signal);
    if (!confirmed.ok) return confirmed;
    const again = await readVolume(context, sourceUri, call.signal);
    if (!again.ok) return again;
    const { metadata, status } = again.value;
    if (metadata.resourceVersion === read.value.metadata.resourceVersion) {
      const required = requireIncarnation(status?.record, confirmed.value, sourceUri);
      return required.ok ? again : required;
    }
    read = again;
  }
  return read;
}

/** The snapshot whose freeze has held, while it does not say so: its controller stopped before. */
async function owedTo(
  { snapshots, logger }: FreezeContext,
  attachment: AzVolumeAttachment | undefined,
  signal: AbortSignal,
): Promise<Result<SnapshotFacts | undefined, Failure>> {
  const { id, snapshotUri } = attachment?.spec.freeze ?? {};
  const answer = attachment?.status?.freeze;
  if (snapshotUri === undefined || answer?.id !== id || answer?.state !== "Held") return ok(undefined);
  const read = await snapshots.getSnapshot({ snapshotUri }, signal);
  if (!read.ok && read.failure.kind === "SnapshotNotFound") return ok(undefined);
  if (!read.ok) return unlessRefused(logger, snapshotUri, read.failure);
  const isOwed = read.value.isTaken && freezeIdOf(read.value.tags) === id && !isKnownFrozen(read.value);
  return ok(isOwed ? read.value : undefined);
}

/**
 * A snapshot that can't be confirmed, such as one without permission or with too many tags, is owed nothing
 * more: it would keep all later ones of its volume from being taken. Its own call takes it again.
 */
function unlessRefused(
  logger: FreezeContext["logger"],
  snapshotUri: string,
  failure: Failure,
): Result<undefined, Failure> {
  if (isRetryable(failure)) return fail(failure);
  logger.warn("an earlier snapshot stays unconfirmed: it is not known as frozen", { snapshotUri, failure });
  return ok(undefined);
}

function whyNever({ spec }: AzVolume): Failure | undefined {
  return spec.capabilities.every(({ accessType }) => accessType === "block")
    ? invalidArgument(
        "parameters.fileSystemFreezeSeconds",
        "",
        "must be left out for a raw block volume: it has no file system that a node could freeze",
      )
    : undefined;
}

/** Answers the snapshot where it has changed. */
async function execute(
  context: FreezeContext,
  observed: Observed & { readonly request: FrozenSnapshotRequest },
  action: FrozenSnapshotAction,
  call: CallContext,
): Promise<Result<SnapshotFacts | undefined, Failure>> {
  const { request } = observed;
  const { snapshotUri, sourceUri, parameters } = request;
  const { signal } = call;
  const notFrozen = (detail: string): Result<never, Failure> =>
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
      return setFreeze(
        context,
        observed,
        "end-freeze",
        (present) => (present?.id === action.id ? { ...present, isTaken: true } : present),
        signal,
      );
    case "Withdraw": {
      const ended = await setFreeze(
        context,
        observed,
        "end-freeze",
        (present) => (present?.id === action.id ? undefined : present),
        signal,
      );
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
  context: FreezeContext,
  observed: Observed & { readonly request: FrozenSnapshotRequest },
  freezeId: string,
  signal: AbortSignal,
): Promise<Result<SnapshotFacts, Failure>> {
  const { request } = observed;
  const { snapshotUri, sourceUri, location, parameters } = request;
  const taken = await context.steps.run("take-snapshot", () =>
    context.snapshots.createSnapshot(
      {
        ...parameters,
        tags: { ...parameters.tags, ...freezeTags(freezeId) },
        snapshotUri,
        sourceUri,
        location,
        objection: (present) =>
          otherRequest(present, { ...request, ...parameters, clusterId: context.clusterId }),
      },
      signal,
    ),
  );
  if (taken.ok || observed.attachment?.spec.freeze?.id !== freezeId) return taken;
  const cancelled = await setFreeze(
    context,
    observed,
    "end-freeze",
    (present) => (present?.id === freezeId ? { ...present, isCancelled: true } : present),
    signal,
  );
  return cancelled.ok ? taken : cancelled;
}

async function confirm(
  { snapshots, steps }: FreezeContext,
  { target, snapshotUri }: Pick<FrozenSnapshotRequest, "target" | "snapshotUri">,
  signal: AbortSignal,
): Promise<Result<SnapshotFacts | undefined, Failure>> {
  const tags = target === undefined ? undefined : frozenTags(target);
  if (target === undefined || tags === undefined)
    return fail({ kind: "OperationInProgress", volumeId: snapshotUri, operation: "CreateSnapshot" });
  return steps.run("confirm-snapshot", () =>
    snapshots.tagSnapshot({ snapshotUri, tags, objection: isOtherThan(target) }, signal),
  );
}

function discard(
  { snapshots, steps }: FreezeContext,
  { target, snapshotUri }: FrozenSnapshotRequest,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  if (target === undefined) return Promise.resolve(ok(undefined));
  return steps.run("delete-snapshot", () =>
    snapshots.deleteSnapshot({ snapshotUri, objection: isOtherThan(target) }, signal),
  );
}

/** Another controller may have confirmed it, or deleted it and taken another one. */
function isOtherThan(target: SnapshotFacts): (present: SnapshotFacts) => Failure | undefined {
  return (present) =>
    freezeIdOf(present.tags) === freezeIdOf(target.tags) &&
    present.createdAtMs === target.createdAtMs &&
    isKnownFrozen(present) === isKnownFrozen(target)
      ? undefined
      : { kind: "OperationInProgress", volumeId: present.snapshotUri, operation: "CreateSnapshot" };
}

async function setFreeze(
  { store, steps }: FreezeContext,
  { attachment }: Observed,
  step: "request-freeze" | "end-freeze",
  change: (present: Freeze) => Freeze,
  signal: AbortSignal,
): Promise<Result<undefined, Failure>> {
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
  context: FreezeContext,
  { attachment, request }: Observed & { readonly request: FrozenSnapshotRequest },
  { id, isFrozen }: { readonly id: string; readonly isFrozen: boolean },
  call: CallContext,
): Promise<Result<undefined, Failure>> {
  const nodeName = attachment?.spec.nodeName ?? "";
  const isDone = (present: AzVolumeAttachment | undefined): boolean => {
    const answer = present?.status?.freeze;
    if (answer?.id !== id) return isFrozen;
    return !isFrozen || answer.state !== "Frozen";
  };
  const timeoutMs = waitingTimeMs(context, call, context.limits.waitMaxMs);
  const isAnswered = await context.cache.waitUntil(
    "AzVolumeAttachment",
    attachment?.metadata.name ?? "",
    isDone,
    { timeoutMs, clock: context.clock },
    call.signal,
  );
  return isAnswered
    ? ok(undefined)
    : stillWaiting(request.sourceUri, `${nodeName} to ${isFrozen ? "thaw" : "freeze"} its file system`);
}
