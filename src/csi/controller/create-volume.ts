import { observeNodes } from "../../controller/observe-volume.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { claimLabels, type NamedClaim } from "../../core/api/claim-labels.ts";
import { VOLUME_FINALIZER } from "../../core/api/finalizers.ts";
import type { Labels } from "../../core/api/node-labels.ts";
import { ownVolumeObjectName } from "../../core/api/object-names.ts";
import { isDeleting } from "../../core/attachment/observed-volume.ts";
import {
  answerInZone,
  isOfOneZone,
  nextPlacement,
  topologyOfNodes,
  type TopologyRequirement,
  triedPlaces,
  zonelessRegionsOf,
  zoneValue,
} from "../../core/azure/topology.ts";
import { failureEventText } from "../../core/events/failure-local-key.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { deletionInProgress, stillWaiting } from "../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { canRunAmong } from "../../core/schedule/pod-fits-node.ts";
import { needsCompleteSource } from "../../core/volume/copies/copy-source.ts";
import { type CreateRequest, createRequestDifference } from "../../core/volume/create-request-difference.ts";
import { hasFailedForGood } from "../../core/volume/has-failed-for-good.ts";
import { fromObjectError } from "../../objects/object-error.ts";
import type { NewObject } from "../../ports/store/object-store.ts";
import type { CreateVolumeRequest, CreateVolumeResponse } from "../gen/csi/v1/csi.ts";
import { volumeMessage } from "../messages/volume-message.ts";
import { readCreateRequest, readDiskPlace } from "../messages/volume-spec.ts";
import type { CallContext } from "../server/unary-handler.ts";
import type { ControllerContext } from "./controller-context.ts";
import { clearFailedCreation } from "./deletion/clear-failed-creation.ts";
import { markDeleted } from "./deletion/mark-deleted.ts";
import { hasDeletionFailed, retryDeletion, untilDeleted } from "./deletion/retry-deletion.ts";
import { findCopySource } from "./find-copy-source.ts";
import { waitForVolume } from "./wait-for-volume.ts";

/** Parameters of external-provisioner's `--extra-create-metadata`. */
const CLAIM_NAME = "csi.storage.k8s.io/pvc/name";
const CLAIM_NAMESPACE = "csi.storage.k8s.io/pvc/namespace";

/** The name that each of them is in a label. */
const metadataNames: Readonly<Record<string, keyof NamedClaim>> = {
  "csi.storage.k8s.io/pv/name": "volume",
  [CLAIM_NAME]: "name",
  [CLAIM_NAMESPACE]: "namespace",
};

/** In milliseconds: the shortest timer. The event loop reads what has arrived before it runs the timer. */
const YIELD_MS = 1;

/** After a failure the call waits so long: an immediate repetition then starts over. */
const CLEAN_UP_WAIT_MS = 5_000;

/**
 * CreateVolume: records the request as an AzVolume and answers once its disk exists. A copy may
 * still be filled in the background then. A repeated call finds the same object.
 */
export async function createVolume(
  context: ControllerContext,
  request: CreateVolumeRequest,
  call: CallContext,
): Promise<Result<CreateVolumeResponse>> {
  const place = readDiskPlace(request);
  if (!place.ok) return place;
  const name = ownVolumeObjectName(place.value.diskName);
  const own = { objectName: name, diskUri: context.diskUriOf(place.value) };
  const source = await findCopySource(context, own, request, call.signal);
  if (!source.ok) return source;
  const read = readCreateRequest(request, {
    driverName: context.driverName,
    topologyOfNodes: () => topologyOfNodes(observeNodes(context).filter(({ isReady }) => isReady)),
    zonelessRegions: () => zonelessRegions(context, name),
    source: source.value,
  });
  if (!read.ok) return read;
  if (source.value !== undefined && needsCompleteSource(source.value, read.value.spec.disk))
    return stillWaiting(
      request.name,
      `its source ${source.value.sourceUri} to be complete: before, Azure makes only Premium SSD v2 and ` +
        `Ultra disks of ${source.value.sizeGiB} GiB of it`,
    );
  const metadata = { name, finalizers: [VOLUME_FINALIZER], labels: labelsOf(request.parameters) };
  // The copy of a zonal disk is in its zone or nowhere.
  const zones = source.value?.kind === "disk" ? undefined : read.value.topology;
  const made = await context.locks.run(name, "CreateVolume", () =>
    create(context, { metadata, zones }, read.value, call),
  );
  return made.ok ? made : fail(answerInZone(made.failure, read.value.topology));
}

/** A volume that is being made, or was, stays where it is, whatever nodes there are by now. */
function zonelessRegions({ cache }: ControllerContext, volume: string): ReturnType<typeof zonelessRegionsOf> {
  if (cache.get("AzVolume", volume) !== undefined) return undefined;
  return zonelessRegionsOf(cache.list("AzDriverNode").flatMap(({ status }) => status ?? []));
}

interface Target {
  readonly metadata: NewObject<"AzVolume">["metadata"];
  /** Where else the disk may be; undefined: nowhere. */
  readonly zones: TopologyRequirement | undefined;
}

async function create(
  context: ControllerContext,
  target: Target,
  request: CreateRequest,
  call: CallContext,
): Promise<Result<CreateVolumeResponse>> {
  const { volumeName } = request.spec;
  const recorded = await recordRequest(context, target, request, call);
  if (!recorded.ok) return recorded;
  const hasEnded = (present: AzVolume): boolean =>
    present.status?.detail !== undefined || hasFailed(present) || isDeleting(present);
  const volume = await waitForVolume(context, recorded.value, hasEnded, call);
  if (volume === undefined || isDeleting(volume)) return fail(deletionInProgress(volumeName));
  if (hasFailed(volume)) {
    const elsewhere = inNextZone(context, volume, request, target);
    if (elsewhere === undefined) return giveUp(context, volume, { request, target }, call);
    const left = await leaveZone(context, volume, elsewhere, call);
    return left.ok ? create(context, target, elsewhere, call) : left;
  }
  const { detail, error } = volume.status ?? {};
  if (detail === undefined) return stillWaiting(volumeName, "its disk to be created", error);
  // A disk that the volume had before has kept its size.
  const difference = createRequestDifference(volume, request);
  return difference === undefined
    ? ok({ volume: volumeMessage(volume.spec, detail, context.driverName) })
    : fail({ kind: "VolumeExistsWithOtherRequest", volumeName, difference });
}

/**
 * Yields one event-loop turn, so that a cancellation already in the socket buffer is processed before
 * anything is created. A paused process reads a request and its cancellation in one batch, request
 * first. By then the caller may have had another controller create the volume, and deleted it: a volume
 * created now would never be deleted. Rejects with the signal's reason. Fails with `DeadlineExceeded`
 * if the process was paused in here beyond the caller's deadline.
 */
async function yieldToCancellation({ clock }: ControllerContext, call: CallContext): Promise<Result<void>> {
  await clock.sleep(YIELD_MS, call.signal);
  return clock.elapsedMs() < call.deadlineMs
    ? ok(undefined)
    : fail({ kind: "DeadlineExceeded", operation: "CreateVolume" });
}

/**
 * The request for the zone that is tried next; undefined: the volume has failed for another reason, or there
 * is none. Each zone comes once, since the volume's own place says which ones were tried. A zone that is full
 * is not left: it may have room soon, and the pod may be able to run in no other.
 */
function inNextZone(
  context: ControllerContext,
  volume: AzVolume,
  request: CreateRequest,
  { zones }: Target,
): CreateRequest | undefined {
  if (fromObjectError(volume.status?.error)?.kind !== "NotOfferedInZone") return undefined;
  const { location: _, zone: __, ...disk } = request.spec.disk;
  const place = nextPlacement(volume.spec.disk, zones, zonesForPods(context, request));
  return place && { ...request, spec: { ...request.spec, disk: { ...disk, ...place } } };
}

/**
 * Whether the pods of a new volume's claim may run in a zone. external-provisioner allows all zones of the
 * class, or of the nodes: it knows the node that the scheduler has chosen, and no rules of the pod. A zone
 * without a node, and a claim without a pod, exclude nothing.
 */
function zonesForPods(
  context: ControllerContext,
  { spec: { volumeContext } }: CreateRequest,
): (value: string) => boolean {
  const { [CLAIM_NAMESPACE]: namespace, [CLAIM_NAME]: claim } = volumeContext;
  if (namespace === undefined || claim === undefined) return () => true;
  const pods = context.users.cachedClaimPods(`${namespace}/${claim}`);
  if (pods.length === 0) return () => true;
  const present = observeNodes(context).filter(({ isGone }) => !isGone);
  const nodes = Map.groupBy(present, zoneValue);
  return (value) => {
    const there = nodes.get(value);
    return there === undefined || canRunAmong(pods, there);
  };
}

/**
 * Deletes a volume that could not be made in its zone, with what exists of its disk, and waits for that: only
 * then the other zone is recorded, and one disk of that name is asked for at a time.
 */
async function leaveZone(
  context: ControllerContext,
  volume: AzVolume,
  elsewhere: CreateRequest,
  call: CallContext,
): Promise<Result<void>> {
  const { name } = volume.metadata;
  const place = placeText(elsewhere.spec.disk);
  context.events.emit({
    about: { kind: "AzVolume", name },
    reason: "OtherZone",
    message: `no disk could be made in ${placeText(volume.spec.disk)}, and ${place} is tried`,
  });
  const marked = await markFailed(context, volume, call);
  return marked.ok ? untilDeleted(context, volume, call) : marked;
}

function placeText({ location = "", zone }: AzVolume["spec"]["disk"]): string {
  return zone === undefined ? `${location} without a zone` : `${location}-${zone}`;
}

/** Creates the object, or finds the one that an earlier call created. */
async function recordRequest(
  context: ControllerContext,
  target: Target,
  request: CreateRequest,
  call: CallContext,
): Promise<Result<AzVolume>> {
  const { spec } = request;
  const { metadata } = target;
  const waiting = await yieldToCancellation(context, call);
  if (!waiting.ok) return waiting;
  const created = await context.steps.run("create-object", () =>
    context.store.create("AzVolume", { metadata, spec }, call.signal),
  );
  if (created.ok || created.failure.kind !== "ObjectAlreadyExists") return created;
  const existing = await context.store.get("AzVolume", metadata.name, call.signal);
  if (!existing.ok) return existing;
  if (isDeleting(existing.value)) {
    // A call may have ended while it left a zone: the first one would be tried again, and again.
    const elsewhere = inNextZone(context, existing.value, request, target);
    const ended = await (elsewhere === undefined || hasDeletionFailed(existing.value)
      ? retryFailedDeletion(context, existing.value, call)
      : untilDeleted(context, existing.value, call));
    return ended.ok ? recordRequest(context, target, elsewhere ?? request, call) : ended;
  }
  const difference = createRequestDifference(existing.value, request);
  if (difference === undefined) return existing;
  const cleared = await clearFailedCreation(context, existing.value, call);
  if (!cleared.ok) return cleared;
  if (cleared.value) return recordRequest(context, target, request, call);
  const remedy = context.clusterVolumes.knowsAttachments ? CLAIM_REMEDY : "";
  return fail({
    kind: "VolumeExistsWithOtherRequest",
    volumeName: spec.volumeName,
    difference: `${difference}${remedy}`,
  });
}

/**
 * The remedy for a claim whose class was changed while its disk was being made. An earlier call may have
 * answered this disk, so it stays; and no DeleteVolume follows this final answer.
 */
const CLAIM_REMEDY =
  "; if its class was changed since, restore its StorageClass or make the claim again: this disk stays " +
  "then, until the event UnclaimedDisk says what to do with it";

/**
 * Retries a deletion that has failed for good, and waits for its end: no other call may do so. A refused
 * CreateVolume deletes what it began, and a missing permission can refuse that, too. A CO calls no
 * DeleteVolume after a final answer.
 */
async function retryFailedDeletion(
  context: ControllerContext,
  volume: AzVolume,
  call: CallContext,
): Promise<Result<void>> {
  if (!hasDeletionFailed(volume)) return fail(deletionInProgress(volume.spec.volumeName));
  const restarted = await retryDeletion(context, volume, call.signal);
  if (!restarted.ok) return restarted;
  return restarted.value === undefined ? ok(undefined) : untilDeleted(context, restarted.value, call);
}

function labelsOf(parameters: CreateVolumeRequest["parameters"]): Labels {
  const names = Object.entries(parameters).flatMap(([key, value]) => {
    const name = metadataNames[key.toLowerCase()];
    return name === undefined ? [] : [[name, value] as const];
  });
  return claimLabels(Object.fromEntries(names));
}

function hasFailed(volume: AzVolume): boolean {
  return hasFailedForGood(volume, "CreationFailed");
}

/**
 * A repetition can't succeed until the request changes, so the answer is final, and a CO never calls
 * DeleteVolume after a final answer. So the object is deleted here, with whatever exists of its disk;
 * the next call starts over.
 */
async function giveUp(
  context: ControllerContext,
  volume: AzVolume,
  { request, target: { zones } }: { readonly request: CreateRequest; readonly target: Target },
  call: CallContext,
): Promise<Result<never>> {
  const error = volume.status?.error;
  const failure = fromObjectError(error);
  const marked = await markFailed(context, volume, call);
  if (!marked.ok) return marked;
  if (failure !== undefined && isOfOneZone(failure))
    reportZones(context, volume, { zones, isOfUse: zonesForPods(context, request) }, failure);
  await waitForVolume(
    { ...context, limits: { ...context.limits, waitMaxMs: CLEAN_UP_WAIT_MS } },
    volume,
    () => false,
    call,
  );
  return fail(
    failure ?? {
      kind: "CloudRejected",
      code: error?.kind ?? "unknown",
      message: error?.message ?? "the disk could not be created",
      requestId: call.requestId,
    },
  );
}

/** The only event about a disk that no zone makes: its reconciler sees one zone, and emits none. */
function reportZones(
  { events }: ControllerContext,
  { metadata: { name }, spec }: AzVolume,
  { zones, isOfUse }: Pick<Target, "zones"> & { readonly isOfUse: (value: string) => boolean },
  failure: Failure,
): void {
  const { location = "", zone } = spec.disk;
  const tried = triedPlaces({ location, zone }, zones, isOfUse).join(", ");
  events.emit({
    about: { kind: "AzVolume", name },
    reason: "CreationFailed",
    ...failureEventText(`the disk could not be made in ${tried}`, failure),
  });
}

/** Deletes a volume that has failed, unless it was tried again since: another call may have answered it. */
function markFailed(
  context: ControllerContext,
  volume: AzVolume,
  { signal }: CallContext,
): Promise<Result<void>> {
  const { volumeName: volumeId } = volume.spec;
  const triedAgain: Failure = { kind: "OperationInProgress", volumeId, operation: "CreateVolume" };
  const objection = (present: AzVolume): Failure | undefined =>
    hasFailed(present) || present.spec.deleteRequested ? undefined : triedAgain;
  return markDeleted(context, volume, objection, signal);
}
