import { formatDiskUri, isSameResourceUri, resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import { regionName } from "../../core/azure/topology.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { refuseArgument } from "../../core/failure/frequent-failures.ts";
import { type Result, fail, ok } from "../../core/failure/result.ts";
import { hasFailed, wasUsed, whyUnfinished } from "../../core/volume/copies/unfinished-copy.ts";
import { raisedPerformance } from "../../core/volume/disk-performance.ts";
import { replacedDisk } from "../../core/volume/replaced-disk.ts";
import { isOwnTag } from "../../core/volume/tags/volume-tags.ts";
import type {
  CloudProvisioner,
  CreateDiskRequest,
  DiskFacts,
  DiskToChange,
  Precondition,
} from "../../ports/cloud/cloud-provisioner.ts";
import type { ArmDisk, ArmDiskSpec, ArmError, ArmName } from "../arm/arm-api.ts";
import { ownError, ownErrorCodes } from "../arm/arm-error.ts";
import type { ArmSession } from "../arm/arm-session.ts";
import { saysGone, saysNoGroup, saysNotThere, toFailure } from "../arm/error-table.ts";
import { missingSource } from "../arm/missing-source.ts";
import { isTerminal } from "../arm/provisioning-state.ts";
import { copyUnderWay, differenceTo, diskFactsOf, zonesOf } from "./disk-facts.ts";
import { listKeyOf, ownersOf, readDisk } from "./disk-owners.ts";
import { whileSameDisk } from "./while-same-disk.ts";
import {
  DISK_LANE,
  type DiskContext,
  settledAfter,
  settledDisk,
  withOwners,
  writeDisk,
} from "./write-disk.ts";

/** The place of disks whose request names none. */
export interface DefaultDiskPlace {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly location: string;
  /** Of the location; undefined: disks are in the region itself. */
  readonly edgeZone?: string;
}

/** The edge zone of what is made in a location: that of the place, of which it is a part. */
function edgeZoneIn(
  { location: own, edgeZone }: DefaultDiskPlace,
  location: string = own,
): { readonly edgeZone?: string } {
  return edgeZone !== undefined && regionName(location) === regionName(own) ? { edgeZone } : {};
}

/** A disk that exists, or may: its id in ARM's parts, and the given name. */
export interface DiskTarget {
  readonly id: ArmName;
  readonly diskUri: string;
}

/** The disk of that name: in the resource group that the request names, or the driver's own. */
export function namedDiskTarget(
  { subscriptionId, resourceGroup: ownGroup }: DefaultDiskPlace,
  { diskName, resourceGroup = ownGroup }: Pick<CreateDiskRequest, "diskName" | "resourceGroup">,
): DiskTarget {
  const id = { subscriptionId, resourceGroup, name: diskName };
  return { id, diskUri: formatDiskUri({ subscriptionId, resourceGroup, diskName }) };
}

/**
 * Creates a disk. Reads it first: a PUT would change a disk that exists. Only a disk that the same
 * request has begun to create, and that Azure has failed, is written again; a failed copy is deleted first.
 */
export async function createDisk(
  { session, disks, writes }: Omit<DiskContext, "tagWrites">,
  place: DefaultDiskPlace,
  request: CreateDiskRequest,
  signal: AbortSignal,
): Promise<Result<DiskFacts>> {
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
  if (existing.ok && !isFailedCreation(request, existing.value))
    return factsIfRequested(request, place, existing.value);
  const isFailedCopy = existing.ok && request.sourceUri !== undefined;
  if (isFailedCopy) {
    // A PUT would change the disk, not copy again, and show an incomplete copy as succeeded.
    const { uniqueId, timeCreated } = existing.value;
    const failed = { id, diskUri, uniqueId, timeCreated, precondition: request.precondition };
    const removed = await deleteDisk({ session, disks, writes }, failed, signal);
    if (!removed.ok) return removed;
  }

  // What is not named here has ARM's name already.
  const { diskName: _, resourceGroup: __, subscriptionId: ___, zone: ____, ...named } = request;
  const { sizeGiB, sourceUri, precondition, userAgent, ...others } = named;
  const fields: typeof others & UnknownToArm<typeof others> = others;
  const disk: ArmDiskSpec = {
    ...fields,
    location: request.location ?? place.location,
    ...edgeZoneIn(place, request.location),
    zones: zonesOf(request),
    tags: existing.ok && !isFailedCopy ? { ...existing.value.tags, ...request.tags } : request.tags,
    diskSizeGB: sizeGiB,
    ...(sourceUri === undefined ? {} : { sourceId: sourceUri }),
  };
  const created = await writeDisk(
    { session, disks },
    { group: "diskWrite", likeness: "diskCreate", diskUri, precondition },
    (clientRequestId) =>
      session.arm.startDiskCreateOrUpdate({ ...id, disk, clientRequestId, userAgent }, signal),
    signal,
  );
  if (!created.ok) return fail(creationFailure(request, created.failure));
  // The caller that created a disk mostly attaches it next.
  const read = await disks.read(
    resourceUriKey(diskUri),
    () => settledAfter(created.value, session, diskUri, signal),
    (answer) => (answer.ok ? answer.value : undefined),
  );
  if (read.ok) return factsIfRequested(request, place, read.value);
  // It is made: a read that does not find it is older, and the next call finds it.
  const notShown = ownError(ownErrorCodes.noAnswer, `disk ${diskUri} is made, and not shown yet`);
  return fail(toFailure(saysNotThere(read.failure) ? notShown : read.failure, {}));
}

/** A field of a spec that no field of ARM's has would be lost without a word: it does not compile. */
type UnknownToArm<Fields> = { readonly [Name in Exclude<keyof Fields, keyof ArmDiskSpec>]: never };

/**
 * Deletes a disk. Reads its owners first, since a delete can overtake an attach that is in flight. A disk
 * that is not found may be there all the same: Azure answers the DELETE of one that is gone with 204.
 */
export async function deleteDisk(
  { session, disks, writes }: Omit<DiskContext, "tagWrites">,
  {
    id,
    diskUri,
    uniqueId,
    timeCreated,
    precondition,
  }: DiskTarget & DiskToChange & { readonly precondition: Precondition },
  signal: AbortSignal,
): Promise<Result<void>> {
  const look = (callSignal: AbortSignal): Promise<Result<ArmDisk, ArmError>> =>
    uniqueId === undefined
      ? readDisk(session, { diskUri, lane: DISK_LANE }, callSignal)
      : findDisk(session, { id, diskUri }, callSignal);
  const read = await look(signal);
  if (!read.ok && saysNoGroup(read.failure)) return ok(undefined);
  if (!read.ok && !saysNotThere(read.failure)) return fail(toFailure(read.failure, { diskUri }));
  const replaced = read.ok ? replacedDisk({ diskUri, uniqueId, timeCreated }, read.value) : undefined;
  if (replaced !== undefined) return fail(replaced);
  const attachedTo = read.ok ? ownersOf(read.value) : [];
  if (attachedTo.length > 0) return fail({ kind: "DiskInUse", diskUri, attachedTo });
  writes.forget(diskUri);
  const deleted = await writeDisk(
    { session, disks },
    {
      group: "diskDelete",
      likeness: "diskDelete",
      diskUri,
      precondition: whileSameDisk({ diskUri, uniqueId, timeCreated, precondition }, session.clock, look),
    },
    (clientRequestId) => session.arm.startDiskDelete({ ...id, clientRequestId }, signal),
    signal,
  );
  if (deleted.ok || saysGone(deleted.failure)) return ok(undefined);
  return fail(toFailure(deleted.failure, { diskUri }));
}

/**
 * Reads a disk, and looks among those of its group where the read does not find it: that may be wrong, and
 * another disk may have the name by now, which no request by name would spare.
 */
async function findDisk(
  session: ArmSession,
  { id: { subscriptionId, resourceGroup }, diskUri }: DiskTarget,
  signal: AbortSignal,
): Promise<Result<ArmDisk, ArmError>> {
  const read = await readDisk(session, { diskUri, lane: DISK_LANE }, signal);
  if (read.ok || !saysNotThere(read.failure)) return read;
  const group = { subscriptionId, resourceGroup };
  const listed = await session.call(
    { group: "diskList", resource: listKeyOf(group), lane: DISK_LANE },
    (clientRequestId, nextPage) => session.arm.listDisks({ ...group, clientRequestId, nextPage }, signal),
    signal,
  );
  if (!listed.ok) return listed;
  const found = listed.value.find((disk) => isSameResourceUri(disk.id, diskUri));
  return found === undefined ? read : ok(found);
}

/**
 * Grows a disk, and in the same write raises the performance that Azure allows no less of at that size. One
 * that shows the size without having succeeded is asked for the size that it shows: nothing changes if it has
 * it, so that is possible while several VMs have the disk.
 */
export async function resizeDisk(
  { session, disks, writes }: DiskContext,
  {
    id,
    diskUri,
    uniqueId,
    timeCreated,
    sizeGiB,
    precondition,
    onOver,
  }: DiskTarget & Omit<Parameters<CloudProvisioner["resizeDisk"]>[0], "diskUri">,
  signal: AbortSignal,
): ReturnType<CloudProvisioner["resizeDisk"]> {
  const before = await settledDisk(session, diskUri, signal);
  if (!before.ok) return fail(toFailure(before.failure, { diskUri }));
  const replaced = replacedDisk({ diskUri, uniqueId, timeCreated }, before.value);
  if (replaced !== undefined) return fail(replaced);
  const { diskSizeGB: shownGiB, provisioningState } = before.value;
  // A growth that Azure has failed, or has not ended, may show its size: only one that succeeds proves it.
  if (shownGiB >= sizeGiB && provisioningState === "Succeeded") return ok({ sizeGiB: shownGiB });
  const copying = copyUnderWay(before.value);
  if (copying !== undefined) return fail(copying);
  const attachedTo = ownersOf(before.value);
  if (shownGiB < sizeGiB && before.value.maxShares > 1 && attachedTo.length > 0)
    return fail({ kind: "DiskInUse", diskUri, attachedTo });
  const askedGiB = Math.max(sizeGiB, shownGiB);
  const raised = raisedPerformance(before.value.skuName, askedGiB, before.value);
  const change = { diskSizeGB: askedGiB, ...raised };
  const look = (callSignal: AbortSignal): Promise<Result<ArmDisk, ArmError>> =>
    readDisk(session, { diskUri, lane: DISK_LANE }, callSignal);
  const resized = await writeDisk(
    { session, disks },
    {
      group: "diskWrite",
      likeness: "diskUpdate",
      diskUri,
      precondition: whileSameDisk({ diskUri, uniqueId, timeCreated, precondition }, session.clock, look),
      ...(onOver && { onOver }),
    },
    (clientRequestId) => session.arm.startDiskUpdate({ ...id, change, clientRequestId }, signal),
    signal,
  );
  if (!resized.ok) return fail(withOwners(toFailure(resized.failure, { diskUri }), attachedTo));
  const isRaised = Object.keys(raised).length > 0;
  if (isRaised) writes.made(diskUri, { fields: raised, tags: {} });
  const after = await settledAfter(resized.value, session, diskUri, signal);
  return after.ok
    ? ok({ sizeGiB: after.value.diskSizeGB, ...(isRaised ? { raised } : {}) })
    : fail(toFailure(after.failure, { diskUri }));
}

/**
 * Whether a disk is what a creation by the same request has left. An update that failed leaves the same state
 * on a disk with data, which may be another cluster's: its tags show its cluster, and its use. The request
 * would undo what a class has changed since.
 */
function isFailedCreation({ tags }: CreateDiskRequest, disk: ArmDisk): boolean {
  const facts = diskFactsOf(disk);
  if (!hasFailed(facts) || wasUsed(facts)) return false;
  // A policy of the subscription may change the tags of a class.
  return Object.entries(tags).every(([name, value]) => !isOwnTag(name) || disk.tags[name] === value);
}

function factsIfRequested(
  request: CreateDiskRequest,
  place: DefaultDiskPlace,
  disk: ArmDisk,
): Result<DiskFacts> {
  const difference = differenceTo({ ...request, ...edgeZoneIn(place, request.location) }, disk);
  if (difference !== undefined)
    return fail({ kind: "VolumeExistsWithOtherRequest", volumeName: request.diskName, difference });
  const facts = diskFactsOf(disk);
  const unfinished = whyUnfinished(facts);
  if (unfinished !== undefined) return fail(unfinished);
  // What an operation that still runs is to make may come to nothing, but no disk that a node has had.
  const stillRuns = ownError(
    ownErrorCodes.stillRunning,
    `disk ${disk.id} is still ${facts.state}. If that does not end, change a tag of the disk in Azure, ` +
      "which begins another operation, or ask Azure's support",
  );
  return isTerminal(facts.state) || wasUsed(facts) ? ok(facts) : fail(toFailure(stillRuns, {}));
}

function creationFailure(request: CreateDiskRequest, error: ArmError): Failure {
  const { sourceUri } = request;
  const missing = sourceUri === undefined ? undefined : missingSource(error, sourceUri);
  return missing ?? toFailure(error, { zone: zonesOf(request)[0] });
}
