import type { AzVolume, VolumeDetail } from "../api/az-volume.ts";
import { isPrimaryOrRequested } from "../attachment/attachment-state.ts";
import { mayBeStaged } from "../attachment/is-replica.ts";
import {
  isDeletedByHand,
  isRecordLost,
  isRecordMissing,
  type ObservedVolume,
  PODS_LISTED_AFTER_MS,
  recordOf,
} from "../attachment/observed-volume.ts";
import { fromTimestamp } from "../primitives/timestamp.ts";
import { nodesIn } from "../writer/record/record-nodes.ts";
import { copyInTheWay, untilCopyReadMs } from "./copies/copy-progress.ts";
import { hasFailedForGood } from "./has-failed-for-good.ts";
import { isGrowthRefused } from "./is-growth-refused.ts";
import { untilConversionReadMs } from "./modification/conversion-progress.ts";
import { untilLastLookMs } from "./modification/late-modification.ts";
import { type ModificationAction, planModification } from "./modification/plan-modification.ts";

/** A read of a disk that Azure fills, converts, or has modified lately, to record what it shows. */
interface DiskLook {
  readonly kind: "ReadCopy" | "ReadConversion" | "LookForLateRequest";
  readonly diskUri: string;
}

export type DiskAction =
  | ModificationAction
  | DiskLook
  | { readonly kind: "CreateDisk" }
  /** The disk exists already and may be in use: nodes that have it become *unverified*. */
  | { readonly kind: "AdoptDisk"; readonly diskUri: string }
  | { readonly kind: "ResizeDisk"; readonly diskUri: string; readonly sizeGiB: number }
  | { readonly kind: "BeginOfflineResize" }
  | { readonly kind: "EndOfflineResize"; readonly because: string }
  | { readonly kind: "RecordUpdated" }
  | { readonly kind: "Requeue"; readonly afterMs: number }
  | { readonly kind: "DeleteDisk" }
  /**
   * DeleteVolume wrote its mark and stopped before it deleted the object. If the volume was never made,
   * no client may call again.
   */
  | { readonly kind: "DeleteObject" }
  /** The object was deleted by hand: the disk stays, and the object is recreated. */
  | { readonly kind: "RecreateVolume" }
  | { readonly kind: "Wait"; readonly because: string };

/** Plans the disk of a volume. Undefined when no action is due. */
export function planDisk(observed: ObservedVolume): DiskAction | undefined {
  const { volume, attachments } = observed;
  const status = volume.status;
  if (isDeletedByHand(volume)) return { kind: "RecreateVolume" };
  const adoptedUri = diskToAdopt(volume);
  if (volume.metadata.deletionTimestamp !== undefined) {
    // Which VMs have the disk is unknown before it is read. Without their attachments no component would
    // detach it, and Azure deletes no attached disk.
    if (adoptedUri !== undefined && (status?.detail === undefined || isRecordMissing(volume)))
      return { kind: "AdoptDisk", diskUri: adoptedUri };
    if (attachments.length > 0) return { kind: "Wait", because: "the disk is still attached" };
    return { kind: "DeleteDisk" };
  }
  if (volume.spec.deleteRequested) return { kind: "DeleteObject" };
  if (status?.detail === undefined) {
    if (hasFailedForGood(volume, "CreationFailed")) return undefined;
    return adoptedUri === undefined ? { kind: "CreateDisk" } : { kind: "AdoptDisk", diskUri: adoptedUri };
  }
  if (adoptedUri !== undefined) return { kind: "AdoptDisk", diskUri: adoptedUri };
  const { detail } = status;
  const modification = planModification(volume, detail);
  const resize = planGrowth(observed, detail);
  // While it grows offline no node gets it, so that ends first, within its time limit.
  const change = status.state === "Updating" ? resize : (modification ?? resize);
  return change ?? planLooks(volume, detail, observed.nowMs);
}

/** The look at the disk that is due, or how long none is. */
function planLooks(volume: AzVolume, { diskUri }: VolumeDetail, nowMs: number): DiskAction | undefined {
  const looks = [
    lookAfter(untilCopyReadMs(volume, nowMs), { kind: "ReadCopy", diskUri }),
    lookAfter(untilConversionReadMs(volume, nowMs), { kind: "ReadConversion", diskUri }),
    lookAfter(untilLastLookMs(volume, nowMs), { kind: "LookForLateRequest", diskUri }),
  ].flatMap((look) => look ?? []);
  const waits = looks.flatMap((look) => (look.kind === "Requeue" ? look.afterMs : []));
  return (
    looks.find(({ kind }) => kind !== "Requeue") ??
    (waits.length === 0 ? undefined : { kind: "Requeue", afterMs: Math.min(...waits) })
  );
}

/** That look, or the wait until it is due; undefined: there is nothing to look at. */
function lookAfter(
  afterMs: number | undefined,
  look: DiskLook,
): DiskLook | Extract<DiskAction, { kind: "Requeue" }> | undefined {
  if (afterMs === undefined) return undefined;
  return afterMs > 0 ? { kind: "Requeue", afterMs } : look;
}

/** Whether the plan of a volume's disk depends on its attachments: it is to be deleted, or to grow. */
export function dependsOnAttachments({ metadata, spec, status }: AzVolume): boolean {
  if (metadata.deletionTimestamp !== undefined) return true;
  return status?.detail !== undefined && spec.disk.sizeGiB > status.detail.sizeGiB;
}

/**
 * The disk of a volume that was made for an existing one, until that is read; or of one whose record
 * another client has removed, also where Azure did not have that disk: it may be back. Undefined: neither.
 */
function diskToAdopt(volume: AzVolume): string | undefined {
  const detail = volume.status?.detail;
  if (detail === undefined) return volume.spec.diskUri;
  return isRecordLost(volume) ? detail.diskUri : undefined;
}

/**
 * The growth of a disk, and before it the looks at its copy: no growth hides that this has ended, and none is
 * begun while Azure would refuse it.
 */
function planGrowth(observed: ObservedVolume, detail: VolumeDetail): DiskAction | undefined {
  const { volume, nowMs } = observed;
  const resize = planResize(observed, detail);
  const isToGrow = volume.spec.disk.sizeGiB > detail.sizeGiB;
  if (resize === undefined || !isToGrow || volume.status?.state === "Updating") return resize;
  const look = lookAfter(untilCopyReadMs(volume, nowMs), { kind: "ReadCopy", diskUri: detail.diskUri });
  const isHeld = look?.kind === "ReadCopy" || copyInTheWay(volume) !== undefined;
  return isHeld ? look : resize;
}

function planResize(
  observed: ObservedVolume,
  { diskUri, sizeGiB, maxShares }: VolumeDetail,
): DiskAction | undefined {
  const { volume, attachments, nowMs, settings } = observed;
  const status = volume.status;
  const requestedGiB = volume.spec.disk.sizeGiB;
  if (requestedGiB <= sizeGiB)
    return status?.observedGeneration === volume.metadata.generation && status.state !== "Updating"
      ? undefined
      : { kind: "RecordUpdated" };
  if (isGrowthRefused(volume)) return undefined;
  if (maxShares === 1) return { kind: "ResizeDisk", diskUri, sizeGiB: requestedGiB };
  // Before any mark: the growth of a disk that is in use or fails over is refused, so no grant waits for
  // it and no replica is deleted.
  const obstacle = offlineObstacle(observed);
  if (obstacle !== undefined)
    return { kind: "EndOfflineResize", because: `${obstacle}: a shared disk grows only while no VM has it` };
  if (observed.pods() === undefined) return { kind: "Requeue", afterMs: PODS_LISTED_AFTER_MS };
  if (status?.state !== "Updating") return { kind: "BeginOfflineResize" };
  const began = status.conditions.find((condition) => condition.type === "OfflineResize")?.lastTransitionTime;
  // A clock that was set back must not hold the grants for as long.
  if (began !== undefined && Math.abs(nowMs - fromTimestamp(began)) > settings.offlineResizeMs)
    return { kind: "EndOfflineResize", because: "its replicas could not be detached in time" };
  if (attachments.length > 0) return { kind: "Wait", because: "its replicas are being detached" };
  return { kind: "ResizeDisk", diskUri, sizeGiB: requestedGiB };
}

/**
 * Why a shared disk may not be detached from every VM now; undefined: nothing uses it, waits for it or may
 * write it.
 */
function offlineObstacle(observed: ObservedVolume): string | undefined {
  const { attachments } = observed;
  if (attachments.some(({ attachment }) => isPrimaryOrRequested(attachment)))
    return "a node has the volume published";
  const staged = attachments.find(({ attachment }) => mayBeStaged(observed, attachment));
  if (staged !== undefined) return `node ${staged.attachment.spec.nodeName} has not unstaged the volume`;
  const { writer, fencing } = recordOf(observed) ?? {};
  if (fencing !== undefined) return `node ${fencing.nodeName} is being fenced from the disk`;
  if (writer !== undefined) return `node ${writer.nodeName} has not released the volume`;
  const [suspect] = nodesIn(recordOf(observed), "unverified");
  if (suspect !== undefined) return `node ${suspect.nodeName} may still write the disk`;
  const [pod] = observed.pods() ?? [];
  return pod === undefined ? undefined : `pod ${pod.name} uses the volume or waits for it`;
}
