import type { AzVolume, VolumeDetail, VolumeStatus } from "../../core/api/az-volume.ts";
import { diskNameOf } from "../../core/api/object-names.ts";
import { isRecordLost, type ObservedVolume } from "../../core/attachment/observed-volume.ts";
import { isOfOneZone } from "../../core/azure/topology.ts";
import { unreachable } from "../../core/failure/invariant.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { isSingleWriter } from "../../core/volume/access-modes.ts";
import { checkDisk } from "../../core/volume/check-disk.ts";
import { withAdoptedCopy, withBegunCopy } from "../../core/volume/copies/copy-progress.ts";
import { whyUnfinished } from "../../core/volume/copies/unfinished-copy.ts";
import { type DiskAction, planDisk } from "../../core/volume/plan-disk.ts";
import { otherDiskThan, shownIdentity } from "../../core/volume/replaced-disk.ts";
import { saysDiskGone } from "../../core/volume/says-disk-gone.ts";
import { stateTagsIn } from "../../core/volume/tags/state-tags.ts";
import { newRecord } from "../../core/writer/record/writer-steps.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { readStoreIncarnation } from "../../objects/store-incarnation.ts";
import { changeStatus, targetOf } from "../../objects/update-object.ts";
import type { CreateDiskRequest, DiskFacts, Precondition } from "../../ports/cloud/cloud-provisioner.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import { knownUse, NO_STATUS, rebuildRecord } from "../adoption/rebuild-record.ts";
import { recordAttachedVms } from "../adoption/record-attached-vms.ts";
import { recreateVolume } from "../adoption/recreate-volume.ts";
import { syncVolumeAttachmentsOf } from "../adoption/sync-volume-attachments.ts";
import type { DiskPorts } from "../controller-ports.ts";
import { observeVolume } from "../observe-volume.ts";
import { checkCopiedDisk } from "./copies/check-copied-disk.ts";
import { emitCopy, readCopy } from "./copies/read-copy.ts";
import { deleteDisk, deleteObject } from "./delete-disk.ts";
import { recordFailure, updatedStatus, setStatus } from "./disk-status.ts";
import { clusterOf, driverTags, isMadeByDriver, isMadeFor, volumeNameIn } from "./disk-tags.ts";
import { beginOfflineResize, endOfflineResize, resizeDisk } from "./grow-disk.ts";
import { lookForLateRequest } from "./keep-modification.ts";
import { isKept } from "./may-write-disk.ts";
import { endModification, modifyDisk, readConversion } from "./modify-disk.ts";
import { withKeptFormat } from "./restore-state.ts";

/**
 * When a pass counts as slow, in milliseconds: after two calls that have waited as long for the call budget
 * as they may. More passes would only wait for that.
 */
const SLOW_AFTER_MS = 120_000;

/** Creates, grows and deletes managed disks. */
export function diskReconciler(ports: DiskPorts): Reconciler {
  return {
    name: "disk",
    // A worker waits as long as Azure takes: hundreds of claims may be created at once.
    workers: 256,
    // What hangs, as in a zone that is down, holds no other volume up.
    slowAfterMs: SLOW_AFTER_MS,
    backoff: { baseMs: 200, maxMs: 60_000 },
    reconcile: async (volumeName, signal) => {
      const observed = observeVolume(ports, volumeName);
      const action = observed === undefined ? undefined : planDisk(observed);
      return observed === undefined || action === undefined
        ? ok({})
        : execute(ports, observed, action, signal);
    },
  };
}

async function execute(
  ports: DiskPorts,
  observed: ObservedVolume,
  action: DiskAction,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { volume } = observed;
  switch (action.kind) {
    case "CreateDisk":
      return createDisk(ports, volume, signal);
    case "AdoptDisk":
      return adoptDisk(ports, volume, action.diskUri, signal);
    case "ResizeDisk":
      return resizeDisk(ports, volume, action, signal);
    case "ModifyDisk":
      return modifyDisk(ports, volume, action, signal);
    case "EndModification":
      return endModification(ports, volume, action, signal);
    case "LookForLateRequest":
      return lookForLateRequest(ports, volume, action.diskUri, signal);
    case "ReadCopy":
      return readCopy(ports, volume, action.diskUri, signal);
    case "ReadConversion":
      return readConversion(ports, volume, action.diskUri, signal);
    case "BeginOfflineResize":
      return beginOfflineResize(ports, volume, signal);
    case "EndOfflineResize":
      return endOfflineResize(ports, volume, action.because, signal);
    case "RecordUpdated":
      return ignoreNotFound(
        await ports.steps.run("record-updated", () =>
          setStatus(ports, volume, (status) => updatedStatus(status, volume.metadata.generation), signal),
        ),
      );
    case "Requeue":
      return ok({ requeueAfterMs: action.afterMs });
    case "DeleteDisk":
      return deleteDisk(ports, volume, signal);
    case "DeleteObject":
      return deleteObject(ports, volume, signal);
    case "RecreateVolume":
      return recreateVolume(ports, volume, signal);
    case "Wait":
      ports.logger.debug("disk waits", { volumeName: volume.metadata.name, because: action.because });
      return ok({});
    default:
      return unreachable(action);
  }
}

async function createDisk(ports: DiskPorts, volume: AzVolume, signal: AbortSignal): Promise<Reconciled> {
  const request = diskRequest(ports, volume);
  if (!request.ok) return recordFailure(ports, volume, request.failure, signal);
  const created = await ports.steps.run("create-disk", () =>
    askForDisk(ports, volume, { ...request.value, precondition: markCreating(ports, volume) }, signal),
  );
  if (!created.ok)
    return recordFailure(ports, volume, created.failure, signal, {
      // CreateVolume reports it once for all zones that it tries.
      isReported: isOfOneZone(created.failure),
    });
  const difference = ownerDifference(ports, volume, created.value);
  if (difference !== undefined) {
    const { volumeName } = volume.spec;
    const failure = { kind: "VolumeExistsWithOtherRequest", volumeName, difference } as const;
    return recordFailure(ports, volume, failure, signal);
  }
  if (!isNeverUsed(ports, volume, created.value))
    return adoptDisk(ports, volume, created.value.diskUri, signal);
  // A clone of another disk would pass for one of the volume. CreateVolume removes it, and looks again.
  const copied = await checkCopiedDisk(ports, created.value, signal);
  return copied.ok
    ? recordCreated(ports, volume, created.value, signal)
    : recordFailure(ports, volume, copied.failure, signal);
}

/**
 * Asks for the disk of the spec. An object that is made again from a manifest of earlier, or a backup of
 * before its disk was recorded, states the size of that time. The disk may have grown since: of one whose
 * tags name the volume all but the size is compared then.
 */
async function askForDisk(
  ports: DiskPorts,
  volume: AzVolume,
  request: CreateDiskRequest,
  signal: AbortSignal,
): Promise<Result<DiskFacts>> {
  const { cloud, clusterId } = ports;
  const asked = await cloud.createDisk(request, signal);
  if (asked.ok || asked.failure.kind !== "VolumeExistsWithOtherRequest") return asked;
  const shown = await cloud.getDisk({ diskUri: cloud.diskUriOf(request) }, signal);
  // Without a look the refusal would be for good.
  if (!shown.ok) return saysDiskGone(shown.failure) ? asked : shown;
  const { tags, sizeGiB } = shown.value;
  const isOwn = clusterOf(tags) === clusterId && volumeNameIn(tags) === volume.spec.volumeName;
  const hasGrown = sizeGiB > request.sizeGiB && !isNeverUsed(ports, volume, shown.value);
  return isOwn && hasGrown ? cloud.createDisk({ ...request, sizeGiB }, signal) : asked;
}

/** Why a disk that exists under the name is not this volume's; undefined: it is. */
function ownerDifference(
  { clusterId }: DiskPorts,
  { spec }: AzVolume,
  { diskUri, tags }: DiskFacts,
): string | undefined {
  if (!isMadeByDriver(tags))
    return (
      `disk ${diskUri} exists already and was not made by this driver; use it as a static volume, or ` +
      "choose another name"
    );
  const otherCluster = clusterOf(tags);
  if (otherCluster !== undefined && otherCluster !== clusterId)
    return (
      `disk ${diskUri} exists already and was made by cluster ${otherCluster}, not by this one ` +
      `(${clusterId}); choose another name`
    );
  // A name that a class chose may be that of another volume's disk, with that volume's data.
  const owner = volumeNameIn(tags);
  const isOther = owner === undefined ? spec.disk.diskName !== undefined : owner !== spec.volumeName;
  return isOther
    ? `disk ${diskUri} exists already and was made for ${owner ?? "a volume that it does not name"}, not for ` +
        `${spec.volumeName}; choose another diskName, or use it as a static volume`
    : undefined;
}

/**
 * Whether the disk can't have been written yet. One with state tags, or a node's checkpoint, was in use: an
 * object from a backup that predates the record of the disk bears the same uid, and a new record would lose
 * the fenced nodes, the file system and the epoch.
 */
function isNeverUsed(ports: DiskPorts, volume: AzVolume, { tags, attachedTo }: DiskFacts): boolean {
  const hasTags = Object.keys(stateTagsIn(tags)).length > 0;
  const isKnown = hasTags || knownUse(ports, volume, []).hadRecord;
  return isMadeFor(volume, tags) && attachedTo.length === 0 && !isKnown;
}

async function recordCreated(
  ports: DiskPorts,
  volume: AzVolume,
  disk: DiskFacts,
  signal: AbortSignal,
): Promise<Reconciled> {
  const storeIncarnation = await readStoreIncarnation(ports, signal);
  if (!storeIncarnation.ok) return storeIncarnation;
  const recorded = await recordDisk(
    ports,
    volume,
    (status) => ({
      ...withBegunCopy(status, disk, ports.clock.nowMs()),
      detail: detailOf(volume, disk),
      ...(isSingleWriter(volume.spec.capabilities)
        ? { record: status.record ?? newRecord(storeIncarnation.value) }
        : {}),
    }),
    signal,
  );
  if (recorded.ok)
    ports.logger.info("disk created", {
      volumeName: volume.metadata.name,
      diskUri: disk.diskUri,
      sizeGiB: disk.sizeGiB,
    });
  return ignoreNotFound(recorded);
}

/**
 * Adopts a disk that is not new: its record starts unverified. The record comes first, so that nothing is
 * detached because it is missing; then its attachments; the disk itself comes last. Without the recorded
 * disk no node is granted it, and an interrupted adoption starts over. Where only the record was lost, the
 * comparison with Azure makes the attachments that an interrupted one lacks. A copy that Azure has not made,
 * or has failed to make, has no record yet: the adoption is tried again.
 */
async function adoptDisk(
  ports: DiskPorts,
  volume: AzVolume,
  diskUri: string,
  signal: AbortSignal,
): Promise<Reconciled> {
  const storeIncarnation = await readStoreIncarnation(ports, signal);
  if (!storeIncarnation.ok) return storeIncarnation;
  const disk = await ports.cloud.getDisk({ diskUri }, signal);
  // A disk that is gone is attached to no VM, and a deletion is complete.
  if (!disk.ok && saysDiskGone(disk.failure) && volume.metadata.deletionTimestamp !== undefined)
    return deleteDisk(ports, volume, signal);
  // A permission may be granted or a token renewed, and no call requests the adoption again. A disk that the
  // volume had may be back; one that it never had is not looked for.
  if (!disk.ok)
    return recordFailure(ports, volume, disk.failure, signal, {
      isFinal: disk.failure.kind === "DiskNotFound" && !isRecordLost(volume),
    });
  // Of a volume whose record was removed: its nodes, epoch and file system are those of another disk.
  const replaced = otherDiskThan(volume, disk.value);
  if (replaced !== undefined && volume.metadata.deletionTimestamp !== undefined)
    return deleteDisk(ports, volume, signal);
  if (replaced !== undefined) return recordFailure(ports, volume, replaced, signal, { isFinal: false });
  // A deletion needs none of its data.
  const unfinished = volume.metadata.deletionTimestamp === undefined ? whyUnfinished(disk.value) : undefined;
  // Also of a failed copy no call requests the adoption again: its tags may be set, or its disk made again.
  if (unfinished !== undefined) return recordFailure(ports, volume, unfinished, signal, { isFinal: false });
  const reason = { kind: "lost", storeIncarnation: storeIncarnation.value } as const;
  const found = await rebuildRecord(ports, volume, disk.value, reason, signal);
  if (!found.ok) return ignoreNotFound(found);
  const { attachedVms, kept } = found.value;
  const detail = withKeptFormat(detailOf(volume, disk.value), kept);
  const synced = await syncVolumeAttachmentsOf(
    ports,
    { ...volume, status: { ...(volume.status ?? NO_STATUS), detail } },
    signal,
  );
  if (!synced.ok) return synced;
  const recordedVms = await recordAttachedVms(ports, volume, diskUri, attachedVms, signal);
  if (!recordedVms.ok) return recordedVms;
  // Where only the record was lost, its holder may have recorded a first format since.
  const recorded = await recordDisk(
    ports,
    volume,
    (status) => ({
      ...withAdoptedCopy(status, disk.value, ports.clock.nowMs()),
      detail: status.detail ?? detail,
    }),
    signal,
  );
  if (recorded.ok) emitCopy(ports, volume, recorded.value.status?.copy);
  if (recorded.ok)
    ports.logger.info("disk adopted", {
      volumeName: volume.metadata.name,
      diskUri,
      attachedTo: attachedVms.map(({ node }) => node.nodeName),
    });
  return ignoreNotFound(recorded);
}

/** Records that the volume has its disk: the last step of making or adopting it. */
function recordDisk(
  ports: DiskPorts,
  volume: AzVolume,
  whatOf: (status: VolumeStatus) => Partial<VolumeStatus>,
  signal: AbortSignal,
): ReturnType<typeof setStatus> {
  return ports.steps.run("record-created", () =>
    setStatus(
      ports,
      volume,
      ({ error: _, ...status }) => ({
        ...status,
        ...whatOf(status),
        state: "Created",
        observedGeneration: volume.metadata.generation,
      }),
      signal,
    ),
  );
}

/** As `mayWriteDisk`, and marks the volume as *Creating* on the very version that allows the write. */
function markCreating(ports: DiskPorts, volume: AzVolume): Precondition {
  return async (signal) => {
    const marked = await changeStatus(
      ports.store,
      targetOf(volume),
      (present) => {
        const { status = NO_STATUS } = present;
        const isToMark = isToBeCreated(present) && status.state !== "Creating";
        return isToMark ? { ...present, status: { ...status, state: "Creating" } } : undefined;
      },
      signal,
    );
    return marked.ok && isToBeCreated(marked.value);
  };
}

function isToBeCreated(volume: AzVolume): boolean {
  return isKept(volume) && volume.status?.detail === undefined;
}

/** The request for Azure: the volume's spec, and the tags that name this cluster and object. */
function diskRequest(ports: DiskPorts, volume: AzVolume): Result<Omit<CreateDiskRequest, "precondition">> {
  const { disk } = volume.spec;
  const checked = checkDisk(disk, "spec.disk");
  if (!checked.ok) return checked;
  const tags = { ...disk.tags, ...driverTags(volume, ports.clusterId) };
  return ok({ ...disk, diskName: diskNameOf(volume.spec), tags });
}

function detailOf(volume: AzVolume, disk: DiskFacts): VolumeDetail {
  return {
    diskUri: disk.diskUri,
    ...shownIdentity(disk),
    sizeGiB: disk.sizeGiB,
    maxShares: disk.maxShares,
    skuName: disk.skuName,
    location: disk.location,
    zones: [...disk.zones],
    burstingEnabled: disk.burstingEnabled,
    ...(volume.status?.detail?.formatted === undefined ? {} : { formatted: volume.status.detail.formatted }),
    ...(isMadeFor(volume, disk.tags) ? { isMadeForObject: true } : {}),
    stateTags: stateTagsIn(disk.tags),
  };
}
