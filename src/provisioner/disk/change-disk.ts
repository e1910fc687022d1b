import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import type { Lane } from "../../core/azure/lane.ts";
import { refuseArgument } from "../../core/failure/frequent-failures.ts";
import { type Result, fail, ok } from "../../core/failure/result.ts";
import { sameJson } from "../../core/primitives/same-json.ts";
import { throughputProblem } from "../../core/volume/disk-performance.ts";
import { replacedDisk } from "../../core/volume/replaced-disk.ts";
import { mergeTags } from "../../core/volume/tags/merge-tags.ts";
import { TAGS_MAX } from "../../core/volume/tags/tag-limits.ts";
import type {
  CloudProvisioner,
  DiskChange,
  DiskFacts,
  DiskToChange,
  Precondition,
} from "../../ports/cloud/cloud-provisioner.ts";
import type { ArmDisk, ArmDiskChange, ArmError } from "../arm/arm-api.ts";
import { toFailure } from "../arm/error-table.ts";
import { isTerminal } from "../arm/provisioning-state.ts";
import { diskFactsOf } from "./disk-facts.ts";
import { ownersOf, readDisk } from "./disk-owners.ts";
import type { DiskTarget } from "./disks.ts";
import type { DiskWrite, RecentDiskWrites } from "./recent-writes.ts";
import {
  DISK_LANE,
  type DiskContext,
  settledAfter,
  settledDisk,
  withOwners,
  writeDisk,
} from "./write-disk.ts";

const TAG_LANE: Lane = "tag";

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
    uniqueId,
    timeCreated,
    tags,
    isToBeTagged = () => true,
    precondition,
  }: DiskTarget & Omit<Parameters<CloudProvisioner["tagDisk"]>[0], "diskUri">,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { session, writes } = context;
  let next: ArmDisk["tags"] = {};
  let isShown = false;
  const isToBeSent: Precondition = async (callSignal) => {
    const read = await readDisk(session, { diskUri, lane: TAG_LANE }, callSignal);
    if (!read.ok) return toFailure(read.failure, { diskUri });
    const replaced = replacedDisk({ diskUri, uniqueId, timeCreated }, read.value);
    if (replaced !== undefined) return replaced;
    if (!isToBeTagged(writes.shownBy(read.value).tags)) return false;
    const planned = planTags(seenBy(writes, read.value), diskUri, tags);
    if (!planned.ok) return planned.failure;
    isShown = planned.value === undefined;
    next = planned.value ?? {};
    return !isShown && precondition(callSignal);
  };
  const { written, wasLost } = await send(
    context,
    { id, diskUri, lane: TAG_LANE },
    { isToBeSent, next: () => ({ tags: next }) },
    signal,
  );
  remember(writes, diskUri, { fields: {}, tags }, { isMade: written.ok, isShown, wasLost });
  return written.ok || isShown ? ok(undefined) : fail(toFailure(written.failure, { diskUri }));
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
    uniqueId,
    timeCreated,
    change,
    precondition,
  }: DiskTarget & DiskToChange & { readonly change: DiskChange; readonly precondition: Precondition },
  signal: AbortSignal,
): Promise<Result<DiskFacts>> {
  const { session, writes } = context;
  let next: ArmDiskChange = {};
  let attachedTo: readonly string[] = [];
  let shown: DiskFacts | undefined;
  const isToBeSent: Precondition = async (callSignal) => {
    const read = await settledDisk(session, diskUri, callSignal);
    if (!read.ok) return toFailure(read.failure, { diskUri });
    attachedTo = ownersOf(read.value);
    const replaced = replacedDisk({ diskUri, uniqueId, timeCreated }, read.value);
    if (replaced !== undefined) return replaced;
    const planned = planChange(seenBy(writes, read.value), diskUri, change);
    if (!planned.ok) return planned.failure;
    if (planned.value === undefined) shown = diskFactsOf(writes.shownBy(read.value));
    else next = planned.value;
    return planned.value !== undefined && precondition(callSignal);
  };
  const { written, wasLost } = await send(
    context,
    { id, diskUri, lane: DISK_LANE },
    { isToBeSent, next: () => next },
    signal,
  );
  const { tags: sent, ...fields } = next;
  remember(
    writes,
    diskUri,
    { fields, tags: sent === undefined ? {} : (change.tags ?? {}) },
    { isMade: written.ok, isShown: shown !== undefined, wasLost },
  );
  if (shown !== undefined) return ok(shown);
  if (!written.ok) return fail(withOwners(toFailure(written.failure, { diskUri }), attachedTo));
  const after = await settledAfter(written.value, session, diskUri, signal);
  return after.ok
    ? ok(diskFactsOf(writes.shownBy(after.value)))
    : fail(toFailure(after.failure, { diskUri }));
}

/**
 * Sends the change that `next` answers where `isToBeSent`, which looks for it, allows that. `wasLost`: the
 * end of a request was not learnt.
 */
async function send(
  context: DiskContext,
  { id, diskUri, lane }: DiskTarget & { readonly lane: Lane },
  change: { readonly isToBeSent: Precondition; readonly next: () => ArmDiskChange },
  signal: AbortSignal,
): Promise<{ readonly written: Result<ArmDisk | undefined, ArmError>; readonly wasLost: boolean }> {
  const { arm } = context.session;
  let wasLost = false;
  const target = {
    group: "diskWrite",
    likeness: "diskUpdate",
    diskUri,
    precondition: change.isToBeSent,
    lane,
    onLost: () => (wasLost = true),
  } as const;
  const start: Parameters<typeof writeDisk>[2] = (clientRequestId) =>
    arm.startDiskUpdate({ ...id, change: change.next(), clientRequestId }, signal);
  const written = await context.tagWrites.run(
    resourceUriKey(diskUri),
    () => writeDisk(context, target, start, signal),
    signal,
  );
  return { written, wasLost };
}

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
 * Remembers how a write has ended. `isShown`: a read has shown the values, and nothing more was sent.
 * `wasLost`: the end of a request was not learnt. Without one a refusal has changed nothing.
 */
function remember(
  writes: RecentDiskWrites,
  diskUri: string,
  write: DiskWrite,
  {
    isMade,
    isShown,
    wasLost,
  }: { readonly isMade: boolean; readonly isShown: boolean; readonly wasLost: boolean },
): void {
  if (isMade || (isShown && wasLost)) writes.made(diskUri, write);
  else if (wasLost) writes.mayBeMade(diskUri);
}

/** The whole map to send; undefined: the disk has it, and no operation under way could revert it. */
function planTags(
  { read, present, isUncertain }: SeenDisk,
  diskUri: string,
  changes: DiskWrite["tags"],
): Result<ArmDisk["tags"] | undefined> {
  const next = mergeTags(present.tags, changes);
  const count = Object.keys(next).length;
  if (count > TAGS_MAX) {
    const problem = `Azure allows ${TAGS_MAX} tags on a disk: remove some that are not the driver's`;
    return refuseArgument(`tags of ${diskUri}`, count, problem);
  }
  const isShown = sameJson(next, read.tags) && sameJson(next, present.tags) && !isUncertain;
  return ok(isShown && isTerminal(read.provisioningState) ? undefined : next);
}

/** What to send so that a disk is as requested; undefined if it is. */
function planChange(
  seen: SeenDisk,
  diskUri: string,
  { tags, ...fields }: DiskChange,
): Result<ArmDiskChange | undefined> {
  // A change that Azure has failed, or not ended, may show its values: only one that succeeds has them.
  const isUncertain = seen.isUncertain || seen.read.provisioningState !== "Succeeded";
  const planned = tags === undefined ? ok(undefined) : planTags({ ...seen, isUncertain }, diskUri, tags);
  if (!planned.ok) return planned;
  const isShown = (name: string, value: string | number): boolean =>
    [seen.read, seen.present].every((disk) => isSame(disk[name as keyof typeof fields], value));
  const stated = Object.entries(fields).filter(([, value]) => value !== undefined);
  const differing = stated.filter(([name, value]) => isUncertain || !isShown(name, value ?? ""));
  const { skuName, diskMBpsReadWrite: mbps } = fields;
  // The IOPS of another SKU, or after a write whose end is unknown, are Azure's to judge.
  const isJudged = !isUncertain && (skuName === undefined || isSame(seen.present.skuName, skuName));
  const problem = isJudged ? throughputProblem(seen.present.skuName, seen.present, fields) : undefined;
  if (problem !== undefined) return refuseArgument("DiskMBpsReadWrite", mbps ?? "", problem);
  const nextTags = planned.value;
  if (nextTags === undefined && differing.length === 0) return ok(undefined);
  return ok({ ...Object.fromEntries(differing), ...(nextTags === undefined ? {} : { tags: nextTags }) });
}

/** Azure compares ids and names of SKUs without case. */
function isSame(present: string | number | undefined, requested: string | number): boolean {
  return String(present).toLowerCase() === String(requested).toLowerCase();
}
