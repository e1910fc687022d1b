import {
  formatDiskUri,
  isSameResourceUri,
  parseDiskUri,
  resourceUriKey,
} from "../../core/azure/ids/disk-uri.ts";
import type { Lane } from "../../core/azure/lane.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { refuseArgument } from "../../core/failure/frequent-failures.ts";
import { type Result, fail, ok } from "../../core/failure/result.ts";
import { sameJson } from "../../core/primitives/same-json.ts";
import { hasFailed, wasUsed, whyUnfinished } from "../../core/volume/copies/unfinished-copy.ts";
import { mergeTags } from "../../core/volume/tags/merge-tags.ts";
import type {
  CloudProvisioner,
  CreateDiskRequest,
  DiskChange,
  DiskFacts,
  Precondition,
} from "../../ports/cloud/cloud-provisioner.ts";
import type {
  ArmAnswer,
  ArmDisk,
  ArmDiskChange,
  ArmDiskSpec,
  ArmError,
  ArmGroup,
  ArmName,
  ArmOperation,
  ArmOperationEnd,
} from "../arm/arm-api.ts";
import { ownError, ownErrorCodes } from "../arm/arm-error.ts";
import type { ArmSession } from "../arm/arm-session.ts";
import { classOf, isWorthRetrying, saysNotThere, toFailure } from "../arm/error-table.ts";
import { endShownBy, isTerminal } from "../arm/provisioning-state.ts";
import type { CallGroup } from "../arm/throttle-budget.ts";
import { TRIES_MAX, untilSettled } from "../arm/until-settled.ts";
import type { BoundedCache } from "../bounded-cache.ts";
import type { KeyedMutex } from "../keyed-mutex.ts";
import { copyUnderWay, differenceTo, diskFactsOf, zonesOf } from "./disk-facts.ts";
import { ownersOf, readDisk } from "./disk-owners.ts";
import type { DiskWrite, RecentDiskWrites } from "./recent-writes.ts";

/** The place of disks whose request names none. */
export interface DiskPlace {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly location: string;
}

/** Disk calls have no lane of their own: volumes wait for them as for a first attach. */
const LANE: Lane = "primaryAttach";

/** A disk that exists, or may: its id in ARM's parts, and the given name. */
export interface DiskTarget {
  readonly id: ArmName;
  readonly diskUri: string;
}

/** The disk of that name: in the resource group that the request names, or the driver's own. */
export function namedDiskTarget(
  { subscriptionId, resourceGroup: ownGroup }: DiskPlace,
  { diskName, resourceGroup = ownGroup }: Pick<CreateDiskRequest, "diskName" | "resourceGroup">,
): DiskTarget {
  const id = { subscriptionId, resourceGroup, name: diskName };
  return { id, diskUri: formatDiskUri({ subscriptionId, resourceGroup, diskName }) };
}

const TAG_LANE: Lane = "tag";

/** Azure's limit for one resource. */
const TAGS_MAX = 50;

/** The collaborators of disk calls. */
export interface DiskContext {
  readonly session: ArmSession;
  /** Disks that were read lately; own writes drop what they change. */
  readonly disks: BoundedCache<ArmDisk>;
  /** What a read of a disk may not show yet. */
  readonly writes: RecentDiskWrites;
  /** By disk: Azure takes the whole map of tags, so two writers must not read the same one. */
  readonly tagWrites: KeyedMutex;
}

/**
 * Creates a disk. Reads it first: a PUT would change a disk that exists. Only a disk that the same
 * request has begun to create, and that Azure has failed, is written again; a failed copy is deleted first.
 */
export async function createDisk(
  { session, disks, writes }: Omit<DiskContext, "tagWrites">,
  place: DiskPlace,
  request: CreateDiskRequest,
  signal: AbortSignal,
): Promise<Result<DiskFacts, Failure>> {
  const { subscriptionId } = place;
  if (request.subscriptionId !== undefined && !isSameResourceUri(request.subscriptionId, subscriptionId))
    return refuseArgument(
      "parameters.subscriptionID",
      request.subscriptionId,
      `must be the cluster's, ${subscriptionId}: Azure attaches a disk only to VMs of the disk's own ` +
        "subscription",
    );
  const { id, diskUri } = namedDiskTarget(place, request);
  writes.forget(diskUri);
  const existing = await settledDisk(session, diskUri, signal);
  if (!existing.ok && !saysNotThere(existing.failure)) return fail(toFailure(existing.failure, {}));
  if (existing.ok && !isFailedCreation(request, existing.value)) return adopt(request, existing.value);
  const isFailedCopy = existing.ok && request.sourceUri !== undefined;
  if (isFailedCopy) {
    // A PUT would change the disk, not copy again, and show an incomplete copy as succeeded.
    const { precondition } = request;
    const removed = await deleteDisk({ session, disks, writes }, { id, diskUri, precondition }, signal);
    if (!removed.ok) return removed;
  }

  // What is not named here has ARM's name already.
  const { diskName: _, resourceGroup: __, subscriptionId: ___, zone: ____, ...named } = request;
  const { sizeGiB, sourceUri, precondition, ...fields } = named;
  const disk: ArmDiskSpec = {
    ...fields,
    location: request.location ?? place.location,
    zones: zonesOf(request),
    tags: existing.ok && !isFailedCopy ? { ...existing.value.tags, ...request.tags } : request.tags,
    diskSizeGB: sizeGiB,
    ...(sourceUri === undefined ? {} : { sourceId: sourceUri }),
  };
  const created = await write(
    { session, disks },
    { group: "diskWrite", likeness: "diskCreate", diskUri, precondition },
    (clientRequestId) => session.arm.startDiskCreateOrUpdate({ ...id, disk, clientRequestId }, signal),
    signal,
  );
  if (!created.ok) return fail(creationFailure(request, created.failure));
  // The caller that created a disk mostly attaches it next.
  const read = await disks.read(
    resourceUriKey(diskUri),
    () => settledAfter(created.value, session, diskUri, signal),
    (answer) => (answer.ok ? answer.value : undefined),
  );
  return read.ok ? adopt(request, read.value) : fail(toFailure(read.failure, {}));
}

/** Deletes a disk. Reads its owners first, since a delete can overtake an attach that is in flight. */
export async function deleteDisk(
  { session, disks, writes }: Omit<DiskContext, "tagWrites">,
  { id, diskUri, precondition }: DiskTarget & { readonly precondition: Precondition },
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const read = await readDisk(session, { diskUri, lane: LANE }, signal);
  if (!read.ok)
    return saysNotThere(read.failure) ? ok(undefined) : fail(toFailure(read.failure, { diskUri }));
  const attachedTo = ownersOf(read.value);
  if (attachedTo.length > 0) return fail({ kind: "DiskInUse", diskUri, attachedTo });
  writes.forget(diskUri);
  const deleted = await write(
    { session, disks },
    { group: "diskDelete", likeness: "diskDelete", diskUri, precondition },
    (clientRequestId) => session.arm.startDiskDelete({ ...id, clientRequestId }, signal),
    signal,
  );
  if (deleted.ok || saysNotThere(deleted.failure)) return ok(undefined);
  return fail(toFailure(deleted.failure, { diskUri }));
}

/** Grows a disk. */
export async function resizeDisk(
  { session, disks }: DiskContext,
  {
    id,
    diskUri,
    sizeGiB,
    precondition,
  }: DiskTarget & { readonly sizeGiB: number; readonly precondition: Precondition },
  signal: AbortSignal,
): Promise<Result<{ readonly sizeGiB: number }, Failure>> {
  const before = await settledDisk(session, diskUri, signal);
  if (!before.ok) return fail(toFailure(before.failure, { diskUri }));
  if (before.value.diskSizeGB >= sizeGiB) return ok({ sizeGiB: before.value.diskSizeGB });
  const copying = copyUnderWay(before.value);
  if (copying !== undefined) return fail(copying);
  const attachedTo = ownersOf(before.value);
  if (before.value.maxShares > 1 && attachedTo.length > 0)
    return fail({ kind: "DiskInUse", diskUri, attachedTo });
  const resized = await write(
    { session, disks },
    { group: "diskWrite", likeness: "diskUpdate", diskUri, precondition },
    (clientRequestId) =>
      session.arm.startDiskUpdate({ ...id, change: { diskSizeGB: sizeGiB }, clientRequestId }, signal),
    signal,
  );
  if (!resized.ok) return fail(withOwners(toFailure(resized.failure, { diskUri }), attachedTo));
  const after = await settledAfter(resized.value, session, diskUri, signal);
  return after.ok ? ok({ sizeGiB: after.value.diskSizeGB }) : fail(toFailure(after.failure, { diskUri }));
}

/**
 * Sets and removes tags of a disk. Azure takes the whole map, and disks have no ETag. So the disk is read
 * before each request, after all waits for the budget, for a Retry-After and of a back-off. Only
 * `isToBeTagged` and `precondition` are asked in between. A read that is older than the last writes takes
 * none of them back.
 */
export async function tagDisk(
  context: DiskContext,
  {
    id,
    diskUri,
    tags,
    isToBeTagged = () => true,
    precondition,
  }: DiskTarget & Omit<Parameters<CloudProvisioner["tagDisk"]>[0], "diskUri">,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const { session, writes } = context;
  let next: ArmDisk["tags"] = {};
  let wasLost = false;
  let withoutRequest: Result<void, Failure> | undefined;
  const isToBeSent: Precondition = async (asked) => {
    const read = await readDisk(session, { diskUri, lane: TAG_LANE }, asked);
    const planned = read.ok
      ? planTags(seenBy(writes, read.value), diskUri, tags)
      : fail(toFailure(read.failure, { diskUri }));
    if (read.ok && !isToBeTagged(writes.shownBy(read.value).tags)) return false;
    if (planned.ok && planned.value !== undefined) {
      next = planned.value;
      return precondition(asked);
    }
    withoutRequest = planned.ok ? ok(undefined) : planned;
    return false;
  };
  const tagged = await context.tagWrites.run(
    resourceUriKey(diskUri),
    () =>
      write(
        context,
        {
          group: "diskWrite",
          likeness: "diskUpdate",
          diskUri,
          precondition: isToBeSent,
          lane: TAG_LANE,
          onLost: () => (wasLost = true),
        },
        (clientRequestId) =>
          session.arm.startDiskUpdate({ ...id, change: { tags: next }, clientRequestId }, signal),
        signal,
      ),
    signal,
  );
  remember(writes, diskUri, { fields: {}, tags }, { isMade: tagged.ok, isHad: withoutRequest?.ok, wasLost });
  return withoutRequest ?? (tagged.ok ? ok(undefined) : fail(toFailure(tagged.failure, { diskUri })));
}

/**
 * Changes a disk. What differs is found by a read before each request, as `tagDisk` does: no request
 * repeats a change that counts against Azure's limits by day. What this process has lately written
 * otherwise differs too, whatever the read shows.
 */
export async function updateDisk(
  context: DiskContext,
  {
    id,
    diskUri,
    change,
    precondition,
  }: DiskTarget & { readonly change: DiskChange; readonly precondition: Precondition },
  signal: AbortSignal,
): Promise<Result<DiskFacts, Failure>> {
  const { session, writes } = context;
  let next: ArmDiskChange = {};
  let attachedTo: readonly string[] = [];
  let wasLost = false;
  let withoutRequest: Result<DiskFacts, Failure> | undefined;
  const isToBeSent: Precondition = async (asked) => {
    const read = await settledDisk(session, diskUri, asked);
    if (!read.ok) withoutRequest = fail(toFailure(read.failure, { diskUri }));
    if (!read.ok) return false;
    attachedTo = ownersOf(read.value);
    const planned = planChange(seenBy(writes, read.value), diskUri, change);
    if (planned.ok && planned.value !== undefined) {
      next = planned.value;
      return precondition(asked);
    }
    withoutRequest = planned.ok ? ok(diskFactsOf(writes.shownBy(read.value))) : planned;
    return false;
  };
  const updated = await context.tagWrites.run(
    resourceUriKey(diskUri),
    () =>
      write(
        context,
        {
          group: "diskWrite",
          likeness: "diskUpdate",
          diskUri,
          precondition: isToBeSent,
          onLost: () => (wasLost = true),
        },
        (clientRequestId) => session.arm.startDiskUpdate({ ...id, change: next, clientRequestId }, signal),
        signal,
      ),
    signal,
  );
  const { tags: sent, ...fields } = next;
  remember(
    writes,
    diskUri,
    { fields, tags: sent === undefined ? {} : (change.tags ?? {}) },
    { isMade: updated.ok, isHad: withoutRequest?.ok, wasLost },
  );
  if (withoutRequest !== undefined) return withoutRequest;
  if (!updated.ok) return fail(withOwners(toFailure(updated.failure, { diskUri }), attachedTo));
  const after = await settledAfter(updated.value, session, diskUri, signal);
  return after.ok
    ? ok(diskFactsOf(writes.shownBy(after.value)))
    : fail(toFailure(after.failure, { diskUri }));
}

/** A disk before a change of it. */
interface SeenDisk {
  readonly read: ArmDisk;
  /** The same with the last writes of this process, which the read may not show. */
  readonly present: ArmDisk;
  /** No value counts as had: a write whose end was not learnt may take effect later. */
  readonly isUncertain: boolean;
}

function seenBy(writes: RecentDiskWrites, read: ArmDisk): SeenDisk {
  return { read, present: writes.shownBy(read), isUncertain: writes.isUncertain(read.id) };
}

/**
 * Remembers how a write has ended. `isHad`: a read has shown the values, and nothing more was sent.
 * `wasLost`: the end of a request was not learnt. Without one a refusal has changed nothing.
 */
function remember(
  writes: RecentDiskWrites,
  diskUri: string,
  write: DiskWrite,
  {
    isMade,
    isHad = false,
    wasLost,
  }: { readonly isMade: boolean; readonly isHad?: boolean | undefined; readonly wasLost: boolean },
): void {
  if (isMade || (isHad && wasLost)) writes.made(diskUri, write);
  else if (wasLost) writes.mayBeMade(diskUri);
}

/** The whole map to send; undefined: the disk has it, and no operation under way could revert it. */
function planTags(
  { read, present, isUncertain }: SeenDisk,
  diskUri: string,
  changes: DiskWrite["tags"],
): Result<ArmDisk["tags"] | undefined, Failure> {
  const next = mergeTags(present.tags, changes);
  const count = Object.keys(next).length;
  if (count > TAGS_MAX) {
    const problem = `Azure allows ${TAGS_MAX} tags on a disk: remove some that are not the driver's`;
    return refuseArgument(`tags of ${diskUri}`, count, problem);
  }
  const isHad = sameJson(next, read.tags) && sameJson(next, present.tags) && !isUncertain;
  return ok(isHad && isTerminal(read.provisioningState) ? undefined : next);
}

/** What to send so that a disk is as requested; undefined if it is. */
function planChange(
  seen: SeenDisk,
  diskUri: string,
  { tags, ...fields }: DiskChange,
): Result<ArmDiskChange | undefined, Failure> {
  // A change that Azure has failed may show its values: only a write that succeeds proves that it has them.
  const isUncertain = seen.isUncertain || hasFailed({ state: seen.read.provisioningState });
  const planned = tags === undefined ? ok(undefined) : planTags({ ...seen, isUncertain }, diskUri, tags);
  if (!planned.ok) return planned;
  const isHad = (name: string, value: string | number): boolean =>
    [seen.read, seen.present].every((disk) => isSame(disk[name as keyof typeof fields], value));
  const stated = Object.entries(fields).filter(([, value]) => value !== undefined);
  const differing = stated.filter(([name, value]) => isUncertain || !isHad(name, value ?? ""));
  const nextTags = planned.value;
  if (nextTags === undefined && differing.length === 0) return ok(undefined);
  return ok({ ...Object.fromEntries(differing), ...(nextTags === undefined ? {} : { tags: nextTags }) });
}

/** Azure compares ids and names of SKUs without case. */
function isSame(present: string | number | undefined, wanted: string | number): boolean {
  return String(present).toLowerCase() === String(wanted).toLowerCase();
}

/** All disks of a resource group. */
export async function listDisks(
  session: ArmSession,
  group: ArmGroup,
  signal: AbortSignal,
): Promise<Result<readonly DiskFacts[], Failure>> {
  const listed = await session.call(
    { group: "diskList", resource: undefined, lane: LANE },
    (clientRequestId, nextPage) => session.arm.listDisks({ ...group, clientRequestId, nextPage }, signal),
    signal,
  );
  if (!listed.ok) return fail(toFailure(listed.failure, {}));
  return ok(
    listed.value
      .map(diskFactsOf)
      .sort((left, right) => (left.diskUri.toLowerCase() < right.diskUri.toLowerCase() ? -1 : 1)),
  );
}

/** The disk as the end of its operation showed it; where it did not, it is read. */
function settledAfter(
  shown: ArmDisk | undefined,
  session: ArmSession,
  diskUri: string,
  signal: AbortSignal,
): Promise<Result<ArmDisk, ArmError>> {
  return shown === undefined ? settledDisk(session, diskUri, signal) : Promise.resolve(ok(shown));
}

/** Reads a disk once the operation that may be under way on it has ended. */
function settledDisk(
  session: ArmSession,
  diskUri: string,
  signal: AbortSignal,
): Promise<Result<ArmDisk, ArmError>> {
  return untilSettled(session, () => readDisk(session, { diskUri, lane: LANE }, signal), signal);
}

/**
 * Starts a write of a disk and waits for its end; returns the disk if the end shows it. A write whose
 * answer was lost is sent again: it states the disk's target state. `precondition` is checked right
 * before each request, also after a throttled one: only the caller knows whether the name still means
 * the same disk.
 */
async function write(
  { session, disks }: Pick<DiskContext, "session" | "disks">,
  target: {
    readonly group: CallGroup;
    readonly likeness: "diskCreate" | "diskUpdate" | "diskDelete";
    readonly diskUri: string;
    readonly precondition: Precondition;
    readonly lane?: Lane;
    /** Called for each request whose end was not learnt: it may be made, now or later. */
    readonly onLost?: () => void;
  },
  start: (clientRequestId: string) => Promise<ArmAnswer<ArmOperation>>,
  signal: AbortSignal,
): Promise<Result<ArmDisk | undefined, ArmError>> {
  const { lane = LANE } = target;
  disks.drop(resourceUriKey(target.diskUri));
  const startIfAllowed: typeof start = async (clientRequestId) =>
    (await target.precondition(signal)) ? start(clientRequestId) : notSent(target.diskUri);
  for (let attempt = 1; ; attempt++) {
    const started = await session.call(
      { group: target.group, resource: undefined, lane },
      startIfAllowed,
      signal,
    );
    const waiting = {
      resource: target.diskUri,
      lane,
      likeness: target.likeness,
      readEnd: (asked: AbortSignal) => readWriteEnd(session, { ...target, lane }, asked),
    };
    const ended = started.ok ? await session.untilEnded(started.value, waiting, signal) : started;
    if (ended.ok)
      return ok(ended.value.disk?.provisioningState === "Succeeded" ? ended.value.disk : undefined);
    if (["lost", "cancelled", "preempted"].includes(classOf(ended.failure))) target.onLost?.();
    if (!isWorthRetrying(ended.failure) || classOf(ended.failure) === "throttled" || attempt > TRIES_MAX)
      return ended;
    await session.backOff(attempt, signal);
  }
}

/** Replaces the answer of a request that `precondition` has refused. */
function notSent(diskUri: string): ArmAnswer<never> {
  return {
    result: fail({
      ...ownError(ownErrorCodes.refused, "the volume has changed since this was decided"),
      target: diskUri,
    }),
    remaining: [],
  };
}

async function readWriteEnd(
  session: ArmSession,
  { diskUri, likeness, lane }: { readonly diskUri: string; readonly likeness: string; readonly lane: Lane },
  signal: AbortSignal,
): Promise<Result<ArmOperationEnd | undefined, ArmError>> {
  const read = await readDisk(session, { diskUri, lane }, signal);
  // A disk that is being created may not be there yet.
  if (!read.ok) return saysNotThere(read.failure) ? ok(likeness === "diskDelete" ? {} : undefined) : read;
  return likeness === "diskDelete"
    ? ok(undefined)
    : endShownBy(read.value.provisioningState, `disk ${diskUri}`);
}

/**
 * Whether a disk is what a creation by the same request has left. An update that failed leaves the same
 * state on a disk with data, which may be another cluster's: its tags tell its cluster, and the nodes
 * fenced from it. A copy is made again from nothing, so its tags must not tell of a use either.
 */
function isFailedCreation({ tags, sourceUri }: CreateDiskRequest, disk: ArmDisk): boolean {
  const facts = diskFactsOf(disk);
  if (!hasFailed(facts) || facts.attachedTo.length > 0) return false;
  if (sourceUri !== undefined && wasUsed(facts)) return false;
  return Object.entries(tags).every(([name, value]) => disk.tags[name] === value);
}

function adopt(request: CreateDiskRequest, disk: ArmDisk): Result<DiskFacts, Failure> {
  const difference = differenceTo(request, disk);
  if (difference !== undefined)
    return fail({ kind: "VolumeExistsWithOtherRequest", volumeName: request.diskName, difference });
  const facts = diskFactsOf(disk);
  const unfinished = whyUnfinished(facts);
  return unfinished === undefined ? ok(facts) : fail(unfinished);
}

/**
 * A missing source is reported as such: the error names no disk of the caller's. Other resources may be
 * missing too, such as an encryption set, so it is the source only where Azure names it.
 */
function creationFailure({ sourceUri }: CreateDiskRequest, error: ArmError): Failure {
  if (sourceUri === undefined || !saysNotThere(error) || !namesSource(error, sourceUri))
    return toFailure(error, {});
  const azure = { code: error.code, requestId: error.requestId };
  return parseDiskUri(sourceUri) === undefined
    ? { kind: "SnapshotNotFound", snapshotUri: sourceUri, azure }
    : { kind: "DiskNotFound", diskUri: sourceUri, azure };
}

function namesSource({ target, message }: ArmError, sourceUri: string): boolean {
  const name = sourceUri.slice(sourceUri.lastIndexOf("/") + 1).toLowerCase();
  const words = message.toLowerCase().split(/[^\w.-]+|\.(?=\s|$)/u);
  return /sourceResourceId/iu.test(target) || words.includes(name);
}

/** Azure names only some owners, and sometimes none. */
function withOwners(failure: Failure, attachedTo: readonly string[]): Failure {
  return failure.kind === "DiskInUse" && attachedTo.length > 0 ? { ...failure, attachedTo } : failure;
}
