import { parseSnapshotUri } from "../../core/azure/ids/snapshot-uri.ts";
import type { Lane } from "../../core/azure/lane.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { refuseArgument } from "../../core/failure/frequent-failures.ts";
import { isRetryable } from "../../core/failure/is-retryable.ts";
import { type Result, fail, ok } from "../../core/failure/result.ts";
import type {
  CreateSnapshotRequest,
  SnapshotFacts,
  SnapshotObjection,
  SnapshotProvisioner,
} from "../../ports/cloud/snapshot-provisioner.ts";
import { sharedReads } from "../../runtime/shared-reads.ts";
import type {
  ArmAnswer,
  ArmError,
  ArmGroup,
  ArmName,
  ArmOperation,
  ArmOperationEnd,
  ArmSnapshot,
} from "../arm/arm-api.ts";
import { notSent, ownError, ownErrorCodes } from "../arm/arm-error.ts";
import type { ArmSession } from "../arm/arm-session.ts";
import {
  classOf,
  isOperationFailure,
  isOver,
  isWorthRetrying,
  saysGone,
  saysNoGroup,
  saysNotThere,
  toFailure,
} from "../arm/error-table.ts";
import { lookAgain, onlyAtOnce } from "../arm/look-again.ts";
import { missingSource } from "../arm/missing-source.ts";
import type { ReadEnd } from "../arm/operation-poller.ts";
import { endShownBy, isTerminal, TRIES_MAX, untilSettled } from "../arm/provisioning-state.ts";
import { snapshotFactsOf } from "./snapshot-facts.ts";

/** A backup can wait: all calls for volumes go first. */
const LANE: Lane = "prune";

const CONFLICT = 409;

/** A snapshot that exists, or may: its id in ARM's parts, and as it was given. */
export interface SnapshotTarget {
  readonly id: ArmName;
  readonly snapshotUri: string;
}

/** Refuses ids of other resources before ARM sees them. */
export function snapshotTargetOf(snapshotUri: string): Result<SnapshotTarget> {
  const id = parseSnapshotUri(snapshotUri);
  if (id !== undefined) return ok({ id, snapshotUri });
  const problem =
    "is not the id of a snapshot: /subscriptions/…/resourceGroups/…/providers/Microsoft.Compute/snapshots/…";
  return refuseArgument("snapshotUri", snapshotUri, problem);
}

export async function getSnapshot(
  session: ArmSession,
  target: SnapshotTarget,
  signal: AbortSignal,
): Promise<Result<SnapshotFacts>> {
  const read = await readSnapshot(session, target, signal);
  return read.ok ? ok(snapshotFactsOf(read.value)) : fail(readFailure(read.failure, target));
}

/**
 * Lists all snapshots of a resource group. One list answers all callers that came before it was sent: each
 * expansion of a disk whose snapshots are copied asks for one, and Azure allows few.
 */
export function snapshotLists(
  session: ArmSession,
): (group: ArmGroup, signal: AbortSignal) => Promise<Result<readonly SnapshotFacts[]>> {
  return sharedReads({
    clock: session.clock,
    keyOf: ({ subscriptionId, resourceGroup }) => `${subscriptionId}/${resourceGroup}`.toLowerCase(),
    read: (group, onSent, signal) => listSnapshots(session, group, onSent, signal),
  });
}

async function listSnapshots(
  session: ArmSession,
  { subscriptionId, resourceGroup }: ArmGroup,
  onSent: () => void,
  signal: AbortSignal,
): Promise<Result<readonly SnapshotFacts[]>> {
  const listed = await session.call(
    { group: "diskList", resource: `${subscriptionId}/${resourceGroup}/snapshots`, lane: LANE },
    (clientRequestId, nextPage) => {
      onSent();
      return session.arm.listSnapshots({ subscriptionId, resourceGroup, clientRequestId, nextPage }, signal);
    },
    signal,
  );
  if (listed.ok) return ok(listed.value.map(snapshotFactsOf));
  return saysNoGroup(listed.failure) ? ok([]) : fail(toFailure(listed.failure, {}));
}

/**
 * Creates a snapshot. Reads before each request: whatever a lost or failed request has left decides the
 * next step.
 */
export async function createSnapshot(
  session: ArmSession,
  request: CreateSnapshotRequest & SnapshotTarget,
  signal: AbortSignal,
): Promise<Result<SnapshotFacts>> {
  const failedBy = (error: ArmError): Failure => creationFailure(error, request);
  for (let attempt = 1; ; attempt++) {
    const present = await settledSnapshot(session, request, signal);
    if (!present.ok && !saysNotThere(present.failure)) return fail(failedBy(present.failure));
    if (present.ok) {
      const facts = snapshotFactsOf(present.value);
      const objection = request.objection(facts);
      if (objection !== undefined) return fail(objection);
      if (facts.state === "Succeeded" && facts.copyError === undefined) return ok(facts);
      if (!isTerminal(facts.state) || attempt > TRIES_MAX) return fail(toFailure(stillRunning(request), {}));
      // A change of it has failed since. The caller learns its handle, and may know the moment of its
      // content: another snapshot in its place would be a wrong backup.
      if (facts.isTaken) return ok(facts);
      const removed = await removeFailed(session, request, signal);
      if (!removed.ok) return removed;
      await session.backOff(attempt, signal);
      continue;
    }
    const noted = await request.note?.write(signal);
    if (noted?.ok === false) return noted;
    const { ended: created, isAccepted } = await write(session, creationOf(session, request), signal);
    if (created.ok) return createdSnapshot(session, request, signal);
    if (isOver(created.failure, isAccepted)) await request.note?.end(signal);
    if (attempt > TRIES_MAX || !mayTryAgain(created.failure)) {
      // A caller that is refused for good never deletes: what the operation has left goes now.
      const removed = isOperationFailure(created.failure)
        ? await removeFailed(session, request, signal)
        : ok(undefined);
      return removed.ok ? fail(failedBy(created.failure)) : removed;
    }
    await session.backOff(attempt, signal);
  }
}

/** The snapshot that Azure says it has made. A read may not show it yet: then the caller asks again. */
async function createdSnapshot(
  session: ArmSession,
  request: CreateSnapshotRequest & SnapshotTarget,
  signal: AbortSignal,
): Promise<Result<SnapshotFacts>> {
  const read = await readSnapshot(session, request, signal);
  if (!read.ok) {
    const notShown = ownError(ownErrorCodes.noAnswer, `snapshot ${request.snapshotUri} is not shown yet`);
    return fail(toFailure(saysNotThere(read.failure) ? notShown : read.failure, {}));
  }
  const facts = snapshotFactsOf(read.value);
  const objection = request.objection(facts);
  return objection === undefined ? ok(facts) : fail(objection);
}

/** Adds tags to a snapshot. Reads it before each request, and again at the end. */
export async function tagSnapshot(
  session: ArmSession,
  {
    tags,
    objection,
    ...target
  }: SnapshotTarget & Omit<Parameters<SnapshotProvisioner["tagSnapshot"]>[0], "snapshotUri">,
  signal: AbortSignal,
): Promise<Result<SnapshotFacts>> {
  for (let attempt = 1; ; attempt++) {
    const present = await settledSnapshot(session, target, signal);
    if (!present.ok) return fail(readFailure(present.failure, target));
    const facts = snapshotFactsOf(present.value);
    const refused = objection(facts);
    if (refused !== undefined) return fail(refused);
    if (Object.entries(tags).every(([name, value]) => facts.tags[name] === value)) return ok(facts);
    const last = attempt > TRIES_MAX;
    if (last || !isTerminal(facts.state)) return fail(toFailure(stillRunning(target), {}));
    const allTags = { ...facts.tags, ...tags };
    const { ended: changed } = await write(
      session,
      {
        ...target,
        objection,
        likeness: "snapshotUpdate",
        start: (clientRequestId) =>
          session.arm.startSnapshotUpdate({ ...target.id, tags: allTags, clientRequestId }, session.lifetime),
      },
      signal,
    );
    if (!changed.ok && !mayTryAgain(changed.failure)) return fail(readFailure(changed.failure, target));
    if (!changed.ok) await session.backOff(attempt, signal);
  }
}

/** Deletes what a failed creation has left. One that another controller has made since stays. */
async function removeFailed(
  session: ArmSession,
  request: CreateSnapshotRequest & SnapshotTarget,
  signal: AbortSignal,
): Promise<Result<void>> {
  const isMade: Failure = {
    kind: "OperationInProgress",
    volumeId: request.snapshotUri,
    operation: "creation",
  };
  const objection: SnapshotObjection = (present) =>
    request.objection(present) ?? (isFailedCreation(present) ? undefined : isMade);
  const removed = await deleteSnapshot(session, { ...request, objection }, signal);
  return !removed.ok && removed.failure === isMade ? ok(undefined) : removed;
}

/** Whether nothing can be restored from it, and never could: no moment of the disk is lost with it. */
function isFailedCreation({ state, isTaken }: SnapshotFacts): boolean {
  return isTerminal(state) && !isTaken;
}

/** Waits for an operation on the snapshot first: Azure would refuse. */
export async function deleteSnapshot(
  session: ArmSession,
  target: SnapshotTarget & { readonly objection: SnapshotObjection },
  signal: AbortSignal,
): Promise<Result<void>> {
  for (let attempt = 1; ; attempt++) {
    const present = await settledSnapshot(session, target, signal);
    if (!present.ok) return saysGone(present.failure) ? ok(undefined) : fail(toFailure(present.failure, {}));
    const objection = target.objection(snapshotFactsOf(present.value));
    if (objection !== undefined) return fail(objection);
    const { id } = target;
    const { ended: deleted } = await write(
      session,
      {
        ...target,
        likeness: "snapshotDelete",
        start: (clientRequestId) =>
          session.arm.startSnapshotDelete({ ...id, clientRequestId }, session.lifetime),
      },
      signal,
    );
    if (deleted.ok || saysGone(deleted.failure)) return ok(undefined);
    if (attempt > TRIES_MAX || !mayTryAgain(deleted.failure)) return fail(toFailure(deleted.failure, {}));
    await session.backOff(attempt, signal);
  }
}

interface SnapshotWrite extends SnapshotTarget {
  /** Of a change of one that was just read: asked again where the request waits, or is repeated. */
  readonly objection?: SnapshotObjection;
  readonly likeness: "snapshotCreate" | "snapshotUpdate" | "snapshotDelete";
  /**
   * Its answer is awaited although the caller gives up: otherwise the next call would overtake it, and a
   * creation could land after the deletion.
   */
  readonly start: (clientRequestId: string) => Promise<ArmAnswer<ArmOperation>>;
}

function creationOf(session: ArmSession, request: CreateSnapshotRequest & SnapshotTarget): SnapshotWrite {
  const { id, location, tags, networkAccessPolicy, publicNetworkAccess } = request;
  const { dataAccessAuthMode, instantAccessMinutes, userAgent, edgeZone } = request;
  const snapshot = {
    location,
    ...(edgeZone === undefined ? {} : { edgeZone }),
    tags,
    sourceId: request.sourceUri,
    createOption:
      parseSnapshotUri(request.sourceUri) === undefined ? ("Copy" as const) : ("CopyStart" as const),
    incremental: request.isIncremental,
    networkAccessPolicy,
    publicNetworkAccess,
    ...(dataAccessAuthMode === undefined ? {} : { dataAccessAuthMode }),
    ...(instantAccessMinutes === undefined ? {} : { instantAccessDurationMinutes: instantAccessMinutes }),
  };
  return {
    id,
    snapshotUri: request.snapshotUri,
    likeness: "snapshotCreate",
    start: (clientRequestId) =>
      session.arm.startSnapshotCreate({ ...id, snapshot, clientRequestId, userAgent }, session.lifetime),
  };
}

/** Sends a request once and waits for the end of its operation. `isAccepted`: Azure has begun it. */
async function write(
  session: ArmSession,
  change: SnapshotWrite,
  signal: AbortSignal,
): Promise<{ readonly ended: Result<ArmOperationEnd, ArmError>; readonly isAccepted: boolean }> {
  const { likeness, snapshotUri: resource, objection, start } = change;
  const group = likeness === "snapshotDelete" ? "diskDelete" : "diskWrite";
  const whyNot =
    objection &&
    lookAgain({
      clock: session.clock,
      look: (callSignal) => readSnapshot(session, change, callSignal),
      isFresh: onlyAtOnce(),
      objection: (present: ArmSnapshot) => objection(snapshotFactsOf(present)),
    });
  const startIfAllowed: typeof start = async (clientRequestId) => {
    const refused = await whyNot?.(signal);
    return refused === undefined ? start(clientRequestId) : notSent(refused);
  };
  const started = await session.call({ group, resource, lane: LANE }, startIfAllowed, signal);
  if (!started.ok) return { ended: started, isAccepted: false };
  const readEnd: ReadEnd = (callSignal) => readWriteEnd(session, change, callSignal);
  const wait = { likeness, resource, readEnd, lane: LANE };
  return { ended: await session.untilEnded(started.value, wait, signal), isAccepted: true };
}

/** How a request has ended, by the snapshot itself; undefined: it has not. */
async function readWriteEnd(
  session: ArmSession,
  { likeness, ...target }: SnapshotWrite,
  signal: AbortSignal,
): ReturnType<ReadEnd> {
  const read = await readSnapshot(session, target, signal);
  const isDeletion = likeness === "snapshotDelete";
  if (read.ok)
    return isDeletion
      ? ok(undefined)
      : endShownBy(read.value.provisioningState, `snapshot ${target.snapshotUri}`);
  // One that is being created may not be there yet.
  const mayBeMissing = likeness !== "snapshotUpdate" && saysNotThere(read.failure);
  return mayBeMissing ? ok(isDeletion ? {} : undefined) : read;
}

function settledSnapshot(
  session: ArmSession,
  target: SnapshotTarget,
  signal: AbortSignal,
): Promise<Result<ArmSnapshot, ArmError>> {
  return untilSettled(session, () => readSnapshot(session, target, signal), signal);
}

function readSnapshot(
  session: ArmSession,
  { id, snapshotUri }: SnapshotTarget,
  signal: AbortSignal,
): Promise<Result<ArmSnapshot, ArmError>> {
  return session.call(
    { group: "diskRead", resource: snapshotUri, lane: LANE },
    (clientRequestId) => session.arm.getSnapshot({ ...id, clientRequestId }, signal),
    signal,
  );
}

function readFailure(error: ArmError, { snapshotUri }: SnapshotTarget): Failure {
  if (!saysGone(error)) return toFailure(error, {});
  return { kind: "SnapshotNotFound", snapshotUri, azure: { code: error.code, requestId: error.requestId } };
}

/**
 * What a failed creation means: a source that is gone is a disk, or a snapshot to be copied. A conflict or a
 * quota refuses a copy only for now: Azure copies one incremental snapshot of a disk at a time, and 100 of a
 * subscription and region (Learn, Copy an incremental snapshot to a new region).
 */
function creationFailure(
  error: ArmError,
  { sourceUri, snapshotUri }: Pick<CreateSnapshotRequest, "sourceUri" | "snapshotUri">,
): Failure {
  if (parseSnapshotUri(sourceUri) === undefined)
    return missingSource(error, sourceUri) ?? toFailure(error, { diskUri: sourceUri });
  const { code, requestId, message } = error;
  if (classOf(error) === "notFound")
    return { kind: "SnapshotNotFound", snapshotUri: sourceUri, azure: { code, requestId } };
  const failure = toFailure(error, {});
  const isForNow =
    failure.kind === "QuotaExceeded" || (error.statusCode === CONFLICT && !isRetryable(failure));
  return isForNow ? { kind: "SnapshotCopyDelayed", snapshotUri, detail: `${code}: ${message}` } : failure;
}

function stillRunning({ snapshotUri }: SnapshotTarget): ArmError {
  return ownError(ownErrorCodes.stillRunning, `an operation on snapshot ${snapshotUri} still runs`);
}

function mayTryAgain(error: ArmError): boolean {
  return isWorthRetrying(error) && classOf(error) !== "throttled";
}
