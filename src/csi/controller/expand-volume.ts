import type { Failure } from "../../core/failure.ts";
import type { AzVolume, VolumeDetail } from "../../core/model/az-volume.ts";
import type { CapacityRange } from "../../core/model/capacity.ts";
import { chooseDiskSize, isSizeWithin } from "../../core/model/capacity.ts";
import { diskSkus } from "../../core/model/disk-sku.ts";
import { isDeleting } from "../../core/plan/observed-volume.ts";
import type { Result } from "../../core/result.ts";
import { fail, ok } from "../../core/result.ts";
import { gibToBytes } from "../../core/units.ts";
import { changeSpec, changeStatus } from "../../reconcile/change-object.ts";
import { readVolume } from "../../reconcile/find-volume.ts";
import { fromObjectError } from "../../reconcile/object-error.ts";
import type { ControllerExpandVolumeRequest, ControllerExpandVolumeResponse } from "../gen/csi/v1/csi.ts";
import type { CallContext, UnaryHandler } from "../unary-handler.ts";
import type { ControllerContext } from "./controller-context.ts";
import { publishedNodes } from "./published-nodes.ts";
import { readCapability } from "./read-capabilities.ts";
import { exactNumber } from "./volume-spec.ts";
import { waitForVolume } from "./wait-for-volume.ts";

/** ControllerExpandVolume: raises the size that is asked for and answers once the disk has it. Disks never shrink. */
export function expandVolume(context: ControllerContext): UnaryHandler<ControllerExpandVolumeRequest, ControllerExpandVolumeResponse> {
  return async ({ volumeId, capacityRange, volumeCapability }, call) => {
    if (volumeId === "") return fail({ kind: "InvalidArgument", field: "volume_id", value: "", problem: "is required" });
    if (capacityRange === undefined) return fail({ kind: "InvalidArgument", field: "capacity_range", value: "", problem: "is required" });
    const capability = volumeCapability === undefined ? undefined : readCapability(volumeCapability);
    if (capability?.ok === false) return capability;
    const found = await readVolume(context, volumeId, call.signal);
    if (!found.ok) return found;
    return context.locks.run(found.value.metadata.name, "ControllerExpandVolume", () => expand(context, { volume: found.value, volumeId, range: capacityRange }, call));
  };
}

interface Expansion {
  readonly volume: AzVolume;
  readonly volumeId: string;
  readonly range: CapacityRange;
}

async function expand(context: ControllerContext, expansion: Expansion, call: CallContext): Promise<Result<ControllerExpandVolumeResponse, Failure>> {
  const { volume, volumeId, range } = expansion;
  const detail = volume.status?.detail;
  if (isDeleting(volume)) return fail({ kind: "OperationInProgress", volumeId, operation: "DeleteVolume" });
  if (detail === undefined) return fail({ kind: "StillWaiting", volumeId, what: "its disk to be created" });
  const target = targetSize(detail, range);
  if (!target.ok) return target;
  if (target.value.sizeGiB <= detail.sizeGiB) return ok(answer(detail));
  const obstacle = sharedUse(context, volume, detail);
  if (obstacle !== undefined) return fail(obstacle);
  const asked = await askForSize(context, expansion, target.value.sizeGiB, call.signal);
  if (!asked.ok) return asked;
  return waitForSize(context, { ...expansion, volume: asked.value }, target.value.sizeGiB, call);
}

/** The size to reach. A disk that is larger than asked for stays, unless the caller's limit is below it: nothing shrinks. */
function targetSize(detail: VolumeDetail, range: CapacityRange): Result<{ readonly sizeGiB: number }, Failure> {
  const skuName = diskSkus.find((sku) => sku === detail.skuName);
  const size = chooseDiskSize(range, skuName ?? "Premium_LRS");
  if (!size.ok || size.value.sizeGiB > detail.sizeGiB || isSizeWithin(range, detail.sizeGiB)) return size;
  return fail({
    kind: "OutOfRange",
    field: "capacity_range.limit_bytes",
    value: String(range.limitBytes),
    problem: `the volume has ${detail.sizeGiB} GiB (${gibToBytes(detail.sizeGiB)} bytes) already, and disks never shrink`,
  });
}

/** Azure grows a shared disk only while no VM has it: standbys are collected for that, a node that uses it is not disturbed. */
function sharedUse(context: ControllerContext, volume: AzVolume, detail: VolumeDetail): Failure | undefined {
  if (detail.maxShares === 1) return undefined;
  const writer = volume.status?.record?.writer?.nodeName;
  const nodes = [...new Set([...publishedNodes(context.cache, volume), ...(writer === undefined ? [] : [writer])])].toSorted();
  return nodes.length === 0 ? undefined : { kind: "DiskInUse", diskUri: detail.diskUri, attachedTo: nodes };
}

async function askForSize(context: ControllerContext, expansion: Expansion, sizeGiB: number, signal: AbortSignal): Promise<Result<AzVolume, Failure>> {
  const target = { kind: "AzVolume", name: expansion.volume.metadata.name } as const;
  const requiredBytes = Number(gibToBytes(sizeGiB));
  const limitBytes = exactNumber(expansion.range.limitBytes);
  const isAsked = ({ spec }: AzVolume): boolean => spec.requiredBytes >= requiredBytes && spec.limitBytes === limitBytes;
  const asked = await changeSpec(context.store, target, (present) => (isAsked(present) ? undefined : { ...present, spec: { ...present.spec, requiredBytes, limitBytes } }), signal);
  if (!asked.ok || !hasFailed(asked.value)) return asked;
  // Asked for before, and it failed: a repeated call asks for another try.
  const again = (present: AzVolume): AzVolume | undefined => {
    if (present.status === undefined || !hasFailed(present)) return undefined;
    const { error: _, ...status } = present.status;
    return { ...present, status: { ...status, state: "Created" } };
  };
  return changeStatus(context.store, target, again, signal);
}

async function waitForSize(context: ControllerContext, expansion: Expansion, sizeGiB: number, call: CallContext): Promise<Result<ControllerExpandVolumeResponse, Failure>> {
  const { volumeId } = expansion;
  const { name, uid, resourceVersion } = expansion.volume.metadata;
  const hasSize = (volume: AzVolume): boolean => (volume.status?.detail?.sizeGiB ?? 0) >= sizeGiB;
  // The cache may still show the failure of an earlier try: only another version than the one that asked counts.
  const hasFailedSince = (volume: AzVolume): boolean => volume.metadata.resourceVersion !== resourceVersion && hasFailed(volume) && isAtLeast(volume, expansion.volume);
  const isSettled = (volume: AzVolume | undefined): boolean => volume?.metadata.uid !== uid || hasSize(volume) || hasFailedSince(volume);
  const volume = await waitForVolume(context, name, isSettled, call);
  if (volume?.metadata.uid !== uid) return fail({ kind: "VolumeNotFound", volumeId });
  const detail = volume.status?.detail;
  if (detail !== undefined && hasSize(volume)) return ok(answer(detail));
  const error = volume.status?.error;
  const failure = error === undefined ? undefined : fromObjectError(error);
  if (hasFailedSince(volume) && failure !== undefined) return fail(failure);
  return fail({ kind: "StillWaiting", volumeId, what: `its disk to grow to ${sizeGiB} GiB${error === undefined ? "" : ` (last try: ${error.message})`}` });
}
