import type { AzVolume, VolumeDetail } from "../../core/api/az-volume.ts";
import { isDeleting } from "../../core/attachment/observed-volume.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { deletionInProgress, refuseArgument, stillWaiting } from "../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { gibToBytes } from "../../core/primitives/units.ts";
import { chooseDiskSize, isSizeWithin, type CapacityRange } from "../../core/volume/capacity.ts";
import { copyInTheWay } from "../../core/volume/copies/copy-progress.ts";
import { statedPartition } from "../../core/volume/device/partition.ts";
import { diskSkus } from "../../core/volume/disk-sku.ts";
import { growthProblem } from "../../core/volume/growth-problem.ts";
import { isGrowthRefused } from "../../core/volume/is-growth-refused.ts";
import { nodesIn } from "../../core/writer/record/record-nodes.ts";
import { readAttachment } from "../../objects/named-attachment.ts";
import { fromObjectError } from "../../objects/object-error.ts";
import type { ControllerExpandVolumeRequest, ControllerExpandVolumeResponse } from "../gen/csi/v1/csi.ts";
import { publishedNodes } from "../messages/published-nodes.ts";
import { missingField } from "../messages/required.ts";
import { readVolumeCapability } from "../messages/volume-capability.ts";
import type { CallContext } from "../server/unary-handler.ts";
import type { ControllerContext } from "./controller-context.ts";
import { findOrAdoptUnpublished } from "./find-or-adopt.ts";
import { requestSize, refuseSize, stillBeingCopied, stillToBeMade } from "./request-size.ts";
import { findPendingSnapshot } from "./snapshots/unfinished-snapshot.ts";
import { waitForVolume } from "./wait-for-volume.ts";

/**
 * ControllerExpandVolume: sets the requested size and answers once the disk has it. Disks never shrink; a
 * request that has failed may be replaced by a smaller one.
 */
export async function expandVolume(
  context: ControllerContext,
  request: ControllerExpandVolumeRequest,
  call: CallContext,
): Promise<Result<ControllerExpandVolumeResponse>> {
  const { volumeId, capacityRange, volumeCapability } = request;
  const missing = missingField({ volume_id: volumeId });
  if (missing !== undefined) return fail(missing);
  if (capacityRange === undefined || isEmpty(capacityRange))
    return refuseArgument("capacity_range", "", "must be given, with required_bytes, limit_bytes or both");
  const capability =
    volumeCapability === undefined ? undefined : readVolumeCapability(volumeCapability, "volume_capability");
  if (capability?.ok === false) return capability;
  return context.locks.run(volumeId, "ControllerExpandVolume", async () => {
    const volume = await findOrAdoptUnpublished(context, volumeId, capability?.value, call.signal);
    return volume.ok
      ? expand(context, { volume: volume.value, volumeId, range: capacityRange }, call)
      : volume;
  });
}

/** CSI: of a CapacityRange "at least one of the these fields MUST be specified". */
function isEmpty({ requiredBytes, limitBytes }: CapacityRange): boolean {
  return requiredBytes === 0n && limitBytes === 0n;
}

interface Expansion {
  readonly volume: AzVolume;
  readonly volumeId: string;
  readonly range: CapacityRange;
}

async function expand(
  context: ControllerContext,
  expansion: Expansion,
  call: CallContext,
): Promise<Result<ControllerExpandVolumeResponse>> {
  const { volume, volumeId, range } = expansion;
  const detail = volume.status?.detail;
  if (isDeleting(volume)) return fail(deletionInProgress(volumeId));
  if (detail === undefined) return stillWaiting(volumeId, "its disk to be created");
  const target = targetSize(detail, range);
  if (!target.ok) return target;
  if (target.value.sizeGiB <= detail.sizeGiB) {
    // A refused size that is not requested any more must not return with the volume's next SKU.
    const withdrawn = isGrowthRefused(volume)
      ? await requestSize(context, volume, detail.sizeGiB, call.signal)
      : ok(volume);
    return withdrawn.ok ? ok(answer(detail)) : withdrawn;
  }
  const attachments = context.cache.byIndex("AzVolumeAttachment", "volumeName", volume.metadata.name);
  const stated = [
    volume.spec.volumeContext,
    ...attachments.map(({ spec }) => spec.volumeContext),
    // Several PersistentVolumes may name one disk: the disk is partitioned if any says so.
    ...context.clusterVolumes.volumesOf(detail.diskUri).map((known) => known.volumeContext),
  ];
  const partition = statedPartition(...stated);
  if (partition !== undefined)
    return refuseArgument(
      "capacity_range",
      `${target.value.sizeGiB} GiB`,
      `the volume is partition ${partition} of its disk, and the driver changes no partition table; copy ` +
        "its files to a volume on a whole disk, which grows",
    );
  const tooLarge = growthProblem(volume.spec, stated, target.value.sizeGiB);
  if (tooLarge !== undefined)
    return fail({
      kind: "OutOfRange",
      field: "capacity_range.required_bytes",
      value: String(range.requiredBytes),
      problem: tooLarge,
    });
  const inTheWay = await growthObstacle(context, volume, detail, target.value.sizeGiB, call.signal);
  if (!inTheWay.ok) return inTheWay;
  if (inTheWay.value !== undefined) return refuseSize(context, volume, target.value.sizeGiB, inTheWay.value);
  const requested = await requestSize(context, volume, target.value.sizeGiB, call.signal);
  if (!requested.ok) return requested;
  return waitForSize(context, requested.value, { volumeId, sizeGiB: target.value.sizeGiB }, call);
}

/**
 * The size to reach. A disk larger than requested keeps its size, unless the caller's limit is below
 * it: nothing shrinks.
 */
function targetSize(detail: VolumeDetail, range: CapacityRange): Result<{ readonly sizeGiB: number }> {
  const skuName = diskSkus.find((sku) => sku === detail.skuName);
  const size = chooseDiskSize(range, { skuName: skuName ?? "Premium_LRS" });
  if (!size.ok || size.value.sizeGiB > detail.sizeGiB || isSizeWithin(range, detail.sizeGiB)) return size;
  return fail({
    kind: "OutOfRange",
    field: "capacity_range.limit_bytes",
    value: String(range.limitBytes),
    problem:
      `the volume has ${detail.sizeGiB} GiB (${gibToBytes(detail.sizeGiB)} bytes) already, and disks ` +
      "never shrink",
  });
}

/** Why a disk is not to grow to a size now; undefined: it may. */
async function growthObstacle(
  context: ControllerContext,
  volume: AzVolume,
  detail: VolumeDetail,
  sizeGiB: number,
  signal: AbortSignal,
): Promise<Result<Failure | undefined>> {
  const copy = copyInTheWay(volume);
  if (copy !== undefined) return ok(copy);
  const used = await sharedUse(context, volume, detail, signal);
  const isRequested = volume.spec.disk.sizeGiB >= sizeGiB && !isGrowthRefused(volume);
  return !used.ok || used.value !== undefined || isRequested
    ? used
    : snapshotObstacle(context, volume, detail, signal);
}

/**
 * Azure ends the copy of a snapshot in the background where its disk grows, and nothing shows that the
 * snapshot, which may count as ready, has lost its content (Learn, Create an incremental snapshot for managed
 * disks).
 */
async function snapshotObstacle(
  context: ControllerContext,
  volume: AzVolume,
  { diskUri }: VolumeDetail,
  signal: AbortSignal,
): Promise<Result<Failure | undefined>> {
  const pending = await findPendingSnapshot(context, volume, diskUri, signal);
  if (!pending.ok || pending.value === undefined) return pending.ok ? ok(undefined) : pending;
  return ok((pending.value.isShown ? stillBeingCopied : stillToBeMade)(volume, pending.value));
}

/**
 * Azure grows a shared disk only while no VM has it. Its replicas are detached for that, so it does not
 * grow while a node uses it or a failover is under way: a fence, an unverified node or a pod that
 * waits. FAILED_PRECONDITION never rests on a cache alone: to csi-resizer it means that nothing has begun,
 * and the cache may lack the unpublish that another controller has just answered. The call is repeated by
 * backoff only, so a needless refusal costs its longest pause.
 */
async function sharedUse(
  context: ControllerContext,
  volume: AzVolume,
  detail: VolumeDetail,
  signal: AbortSignal,
): Promise<Result<Failure | undefined>> {
  if (detail.maxShares === 1) return ok(undefined);
  const record = volume.status?.record;
  const using = new Set(nodesIn(record, "writer", "fencing").map(({ nodeName }) => nodeName));
  for (const nodeName of publishedNodes(context, volume)) {
    const present = await readAttachment(context.store, { diskUri: detail.diskUri, nodeName }, signal);
    if (!present.ok && present.failure.kind !== "ObjectNotFound") return present;
    if (present.ok && present.value.spec.role === "Primary") using.add(nodeName);
  }
  if (using.size > 0)
    return ok({ kind: "DiskInUse", diskUri: detail.diskUri, attachedTo: [...using].toSorted() });
  const unverified = nodesIn(record, "unverified").map(({ nodeName }) => nodeName);
  if (unverified.length > 0)
    return ok({ kind: "WriterRecordUnverified", volumeId: detail.diskUri, nodes: unverified.toSorted() });
  // Only a cache says that a pod waits: UNAVAILABLE, which leaves open whether anything has begun.
  const pods = context.users.cachedPods(detail.diskUri)?.map(({ name }) => name);
  const what =
    `${pods?.join(", ") ?? "the pods"} to ${pods === undefined ? "be listed" : "end"}: a shared disk ` +
    "grows only while no pod uses it or waits for it";
  return ok(pods?.length === 0 ? undefined : { kind: "StillWaiting", volumeId: detail.diskUri, what });
}

async function waitForSize(
  context: ControllerContext,
  requested: AzVolume,
  target: { readonly volumeId: string; readonly sizeGiB: number },
  call: CallContext,
): Promise<Result<ControllerExpandVolumeResponse>> {
  const { volumeId, sizeGiB } = target;
  const hasSize = (present: AzVolume): boolean => (present.status?.detail?.sizeGiB ?? 0) >= sizeGiB;
  const volume = await waitForVolume(
    context,
    requested,
    (present) => hasSize(present) || isGrowthRefused(present),
    call,
  );
  if (volume === undefined) return stillWaiting(volumeId, "its AzVolume, which was deleted during the call");
  const { detail, error } = volume.status ?? {};
  if (detail !== undefined && hasSize(volume)) return ok(answer(detail));
  const failure = fromObjectError(error);
  if (isGrowthRefused(volume) && failure !== undefined) return fail(failure);
  return stillWaiting(volumeId, `its disk to grow to ${sizeGiB} GiB`, error);
}

/** The node always has its part: it grows the file system, or rescans a raw device's size. */
function answer(detail: VolumeDetail): ControllerExpandVolumeResponse {
  return { capacityBytes: gibToBytes(detail.sizeGiB), nodeExpansionRequired: true };
}
