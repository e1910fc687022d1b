import { releaseCheck } from "../../../controller/writer/release-check.ts";
import type { AzVolume } from "../../../core/api/az-volume.ts";
import { diskUriOf } from "../../../core/api/identity/disk-uri-of.ts";
import { identityOf } from "../../../core/api/identity/node-identity.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { stillWaiting } from "../../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { mayCopySnapshots, unseenSnapshot } from "../../../core/volume/copies/recent-snapshots.ts";
import { saysDiskGone } from "../../../core/volume/says-disk-gone.ts";
import { nodesIn } from "../../../core/writer/record/record-nodes.ts";
import { checkNoCopyNeeds } from "../../../objects/source-to-keep.ts";
import type { DeleteVolumeRequest, DeleteVolumeResponse } from "../../gen/csi/v1/csi.ts";
import { publishedNodes } from "../../messages/published-nodes.ts";
import { missingField } from "../../messages/required.ts";
import type { CallContext } from "../../server/unary-handler.ts";
import { confirmGone } from "../confirm-gone.ts";
import type { ControllerContext } from "../controller-context.ts";
import { findOrAdopt } from "../find-or-adopt.ts";
import { toUnstage } from "../publish/unpublish-obstacle.ts";
import { findPendingSnapshot } from "../snapshots/unfinished-snapshot.ts";
import { waitForVolume } from "../wait-for-volume.ts";
import { markDeleted } from "./mark-deleted.ts";
import { deletionFailure, hasDeletionFailed, retryDeletion } from "./retry-deletion.ts";

/**
 * DeleteVolume: marks the volume and answers once its object, and with it the disk, is gone. Fails with
 * `SourceBeingCopied` while Azure fills a copy from the disk, and with `SnapshotBeingCopied` while it copies
 * a snapshot of it; the volume can be used until then.
 */
export async function deleteVolume(
  context: ControllerContext,
  request: DeleteVolumeRequest,
  call: CallContext,
): Promise<Result<DeleteVolumeResponse>> {
  const { volumeId } = request;
  const missing = missingField({ volume_id: volumeId });
  if (missing !== undefined) return fail(missing);
  return context.locks.run(volumeId, "DeleteVolume", () => remove(context, volumeId, call));
}

async function remove(
  context: ControllerContext,
  volumeId: string,
  call: CallContext,
): Promise<Result<DeleteVolumeResponse>> {
  const found = await findOrAdopt(context, volumeId, undefined, call.signal);
  // CSI: "If a volume corresponding to the specified volume_id does not exist …, the Plugin MUST reply
  // 0 OK." A disk that only lacks its object does exist.
  if (!found.ok && (found.failure.kind === "VolumeNotFound" || saysDiskGone(found.failure))) return ok({});
  // One that can't be read may exist, and cost money: only a person can say that it is to stay.
  if (!found.ok) return fail(withRetainRemedy(found.failure, context.clusterVolumes));
  const volume = found.value;
  const [nodeName] = publishedNodes(context, volume);
  if (nodeName !== undefined && !volume.spec.deleteRequested)
    return fail({ kind: "VolumeInUse", volumeId, nodeName, users: [] });
  const diskUri = diskUriOf(volume);
  const isNew = diskUri !== undefined && !volume.spec.deleteRequested;
  const needed = isNew ? await checkNoCopyNeeds(context, diskUri, call.signal) : ok(undefined);
  if (!needed.ok) return needed;
  const complete = isNew ? await checkSnapshots(context, volume, diskUri, call.signal) : ok(undefined);
  if (!complete.ok) return complete;
  const leaked = await checkLeakedRequest(context, volume, volumeId, call.signal);
  if (!leaked.ok) return leaked;
  const restarted = await retryDeletion(context, volume, call.signal);
  if (!restarted.ok) return restarted;
  // The cache may show its earlier failure yet.
  if (restarted.value === undefined) return answerGone(context, volumeId, call.signal);
  const objection = (present: AzVolume): Failure | undefined =>
    useOf(present, volumeId) ?? newSnapshotOf(present, volume, context.clock.nowMs());
  const marked = await markDeleted(context, volume, objection, call.signal);
  if (!marked.ok) return marked;
  const left = await waitForVolume(context, restarted.value, hasDeletionFailed, call);
  if (left === undefined) return answerGone(context, volumeId, call.signal);
  const failure = deletionFailure(left);
  if (failure !== undefined) return fail(failure);
  const holders = publishedNodes(context, left);
  if (holders.length > 0) return stillWaiting(volumeId, `its disk to be detached from ${holders.join(", ")}`);
  const staged = context.cache
    .byIndex("AzVolumeAttachment", "volumeName", left.metadata.name)
    .find(({ spec }) => spec.staged === true);
  return staged === undefined
    ? stillWaiting(volumeId, "its disk to be deleted", left.status?.error)
    : stillWaiting(volumeId, toUnstage(staged.spec.nodeName));
}

async function answerGone(
  context: ControllerContext,
  volumeId: string,
  signal: AbortSignal,
): Promise<Result<DeleteVolumeResponse>> {
  const gone = await confirmGone(context, volumeId, "to be deleted", signal);
  return gone.ok || saysDiskGone(gone.failure) ? ok({}) : gone;
}

/**
 * Whether Azure copies all snapshots of a disk without it: until a copy in the background is complete, one
 * with instant access, which counts as ready, depends on the disk (Learn, Instant access snapshots for
 * managed disks: "depend on the availability of the source disk"). Fails with `SnapshotBeingCopied`.
 */
async function checkSnapshots(
  context: ControllerContext,
  volume: AzVolume,
  diskUri: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  if (!mayCopySnapshots(volume)) return ok(undefined);
  const pending = await findPendingSnapshot(context, volume, diskUri, signal);
  // Of a disk that is gone no copy can be completed.
  if (!pending.ok) return saysDiskGone(pending.failure) ? ok(undefined) : pending;
  const { snapshotUri } = pending.value ?? {};
  return snapshotUri === undefined
    ? ok(undefined)
    : fail({ kind: "SnapshotBeingCopied", diskUri, snapshotUri });
}

/** A snapshot that is asked for since `checked` was read: on a marked volume none is. */
function newSnapshotOf(volume: AzVolume, checked: AzVolume, nowMs: number): Failure | undefined {
  const diskUri = diskUriOf(volume);
  const unseen = mayCopySnapshots(volume) ? unseenSnapshot(volume, checked, nowMs) : undefined;
  return unseen === undefined || diskUri === undefined || volume.spec.deleteRequested
    ? undefined
    : { kind: "SnapshotBeingCopied", diskUri, snapshotUri: unseen.snapshotUri };
}

/**
 * A request without an attachment was left by a publish that was never ended: the release check decides
 * whether the volume still has a user.
 */
async function checkLeakedRequest(
  context: ControllerContext,
  volume: AzVolume,
  volumeId: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  const writer = volume.status?.record?.writer;
  if (
    writer === undefined ||
    !writer.requested ||
    context.users.cachedOn({ nodeName: writer.nodeName, volumeId }).kind !== "unused"
  )
    return ok(undefined);
  const checked = await releaseCheck(
    context,
    { volumeName: volume.metadata.name, volumeId, node: identityOf(writer) },
    signal,
  );
  // Whatever it found, the record is judged once more on the version that receives the mark.
  return checked.ok ? ok(undefined) : checked;
}

/**
 * Whether a node may be writing the volume, by its record. A marked volume is never granted again, so
 * this is judged only before the mark.
 */
function useOf(volume: AzVolume, volumeId: string): Failure | undefined {
  const record = volume.status?.record;
  if (record === undefined || volume.spec.deleteRequested) return undefined;
  const { writer } = record;
  if (writer !== undefined && (writer.held || writer.requested))
    return { kind: "VolumeInUse", volumeId, nodeName: writer.nodeName, users: [] };
  const unverified = nodesIn(record, "unverified").map(({ nodeName }) => nodeName);
  if (unverified.length > 0) return { kind: "WriterRecordUnverified", volumeId, nodes: unverified };
  return undefined;
}

/** Of Kubernetes: external-provisioner calls DeleteVolume by the PersistentVolume's own policy. */
const RETAIN_REMEDY =
  "the disk may exist and is not deleted: to delete its PersistentVolume alone, set " +
  "persistentVolumeReclaimPolicy Retain there";

/** A failure to read the disk that is to be deleted, with what to do where the driver is never to read it. */
function withRetainRemedy(
  failure: Failure,
  { knowsAttachments }: ControllerContext["clusterVolumes"],
): Failure {
  if (!knowsAttachments) return failure;
  if (failure.kind === "InvalidArgument")
    return { ...failure, problem: `${failure.problem}; ${RETAIN_REMEDY}` };
  return failure.kind === "CloudUnauthorized"
    ? { ...failure, message: `${failure.message}; ${RETAIN_REMEDY}` }
    : failure;
}
