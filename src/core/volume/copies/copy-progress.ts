import type { AzVolume, VolumeStatus } from "../../api/az-volume.ts";
import { isDeleting } from "../../attachment/observed-volume.ts";
import { isSameResourceUri } from "../../azure/ids/disk-uri.ts";
import type { EventReason } from "../../events/event-reasons.ts";
import type { FailureOf } from "../../failure/failure.ts";
import { fromTimestamp, toTimestamp } from "../../primitives/timestamp.ts";
import { isNextStep, untilReadMs } from "../disk-progress.ts";
import { isSnapshotCopied } from "../disk-sku.ts";
import { hasFailedForGood } from "../has-failed-for-good.ts";
import { type CopiedDisk, hasFailed, wasUsed, whyUnfinished } from "./unfinished-copy.ts";

type Copy = NonNullable<VolumeStatus["copy"]>;

/** True while Azure fills a disk with the data of its source, False once it has failed to, else absent. */
export const COPYING = "Copying";

/** How long after a copy was begun its progress is read first, in milliseconds: a small one is complete. */
const FIRST_COPY_READ_MS = 10_000;
/** How often it is read from then on, in milliseconds: as that of a conversion. */
const COPY_READ_MS = 60_000;
/**
 * The same of a copy that has been failed for as long, in milliseconds. Before that it may be a later change
 * that has failed, beside a copy that runs and may end.
 */
const FAILED_COPY_READ_MS = 600_000;

/** How old a copy is once a read that does not show its disk is none from before it, in milliseconds. */
const SHOWN_AFTER_MS = 600_000;

/** In how many milliseconds the progress of a copy is read again; undefined where none is known to run. */
export function untilCopyReadMs({ status }: AzVolume, nowMs: number): number | undefined {
  if (status?.copy === undefined) return undefined;
  return untilReadMs(status.copy.readTime, readEveryMs(status, status.copy, nowMs), nowMs);
}

function readEveryMs({ conditions }: VolumeStatus, { since, readTime }: Copy, nowMs: number): number {
  const failedTime = failedTimeIn(conditions);
  if (failedTime === undefined) return readTime === since ? FIRST_COPY_READ_MS : COPY_READ_MS;
  return nowMs - fromTimestamp(failedTime) < FAILED_COPY_READ_MS ? COPY_READ_MS : FAILED_COPY_READ_MS;
}

/** When a copy was first read as failed; undefined: it is none, or continues. */
function failedTimeIn(conditions: VolumeStatus["conditions"]): string | undefined {
  return conditions.find(({ type, status }) => type === COPYING && status === "False")?.lastTransitionTime;
}

/**
 * The status of a volume whose disk Azure has just made, as the end of that showed it. How far the copy is
 * shows the first look at the disk: until then Azure may show no percentage yet, and a small copy becomes
 * complete. One that is shown as complete is not looked at. A status that has a copy stays as it is.
 */
export function withBegunCopy(
  status: VolumeStatus,
  disk: CopiedDisk & { readonly skuName: string },
  nowMs: number,
): VolumeStatus {
  // Azure fills the copies of any SKU so, and shows how far it is of these alone (Learn, Instant access
  // snapshots for managed disks).
  const mayBeShown = disk.completionPercent !== undefined || isSnapshotCopied(disk.skuName);
  if (disk.sourceUri === undefined || disk.isShownComplete === true || !mayBeShown) return status;
  if (status.copy !== undefined || status.conversion !== undefined) return status;
  const time = toTimestamp(nowMs);
  return { ...status, copy: { since: time, readTime: time } };
}

/** The status of a volume whose adopted disk Azure may still fill; one that says so stays as it is. */
export function withAdoptedCopy(status: VolumeStatus, disk: CopiedDisk, nowMs: number): VolumeStatus {
  const isFilled = disk.sourceUri === undefined || disk.completionPercent === undefined;
  // Azure shows the same of a conversion.
  if (isFilled || status.copy !== undefined || status.conversion !== undefined) return status;
  return withCopy(status, disk, nowMs);
}

/**
 * The status with the progress that Azure shows of a copy. It is over once Azure shows the disk as succeeded
 * and no percentage. One that has failed may continue, which a percentage shows. Without one it stays failed:
 * Azure shows the disk as succeeded after any later change of it, such as its tags, whether or not it has the
 * data.
 */
export function withCopy(
  { copy: before, ...status }: VolumeStatus,
  disk: CopiedDisk,
  nowMs: number,
): VolumeStatus {
  const { conditions } = withoutCopy(status);
  const failedState = failedStateOf(before, disk);
  const isFailed = failedState !== undefined;
  if (disk.completionPercent === undefined && disk.state === "Succeeded" && !isFailed)
    return { ...status, conditions };
  const readTime = toTimestamp(nowMs);
  const since = before?.since ?? readTime;
  const percent = disk.completionPercent ?? before?.percent;
  const firstAttachTime = before?.firstAttachTime ?? (wasUsed(disk) ? readTime : undefined);
  const copy: Copy = {
    ...(percent === undefined ? {} : { percent }),
    ...{ since, readTime },
    ...(firstAttachTime === undefined ? {} : { firstAttachTime }),
    ...(isFailed ? { failedState } : {}),
  };
  const condition = {
    type: COPYING,
    status: isFailed ? "False" : "True",
    reason: isFailed ? "CopyFailed" : "BackgroundCopy",
    message: describeCopy(copy),
    lastTransitionTime: isFailed ? (failedTimeIn(status.conditions) ?? readTime) : since,
  } as const;
  return { ...status, copy, conditions: [...conditions, condition] };
}

/** The status once the disk of a copy is gone. */
export function withoutCopy({ copy: _, ...status }: VolumeStatus): VolumeStatus {
  return { ...status, conditions: status.conditions.filter(({ type }) => type !== COPYING) };
}

/**
 * The status of a copy whose beginning a clock that was ahead has written: it begins now, or it would not get
 * old for as long as that clock was ahead. Undefined: it is in the past already.
 */
export function withPastBeginning(status: VolumeStatus, nowMs: number): VolumeStatus | undefined {
  const { copy } = status;
  if (copy === undefined || fromTimestamp(copy.since) <= nowMs) return undefined;
  return { ...status, copy: { ...copy, since: toTimestamp(nowMs) } };
}

/** Whether a disk was made, or adopted, so long ago that Azure shows it wherever it is there. */
export function isBegunLongAgo({ status }: AzVolume, nowMs: number): boolean {
  const since = status?.copy?.since;
  return since !== undefined && nowMs - fromTimestamp(since) >= SHOWN_AFTER_MS;
}

/** As which state a copy has failed, by what was known and what Azure shows; undefined: it has not. */
function failedStateOf(before: Copy | undefined, disk: CopiedDisk): string | undefined {
  if (hasFailed(disk)) return disk.state;
  const isProgressShown = disk.completionPercent !== undefined || disk.isShownComplete === true;
  return isProgressShown ? undefined : before?.failedState;
}

function describeCopy({ percent, failedState }: Copy): string {
  if (failedState === undefined)
    return percent === undefined
      ? "Azure has not said how much of the data of the disk's source it has copied"
      : `Azure has copied ${percent} % of the data of the disk's source`;
  const shown = `Azure shows the disk as ${failedState}`;
  return percent === undefined
    ? `${shown}, and has not said how much of the data of its source it has copied`
    : `${shown}, and has copied ${percent} % of the data of its source`;
}

/**
 * What an event says of a copy that was `before` and is `after`; undefined: nothing. Nothing is said of one
 * that was complete at the first look.
 */
export function copyNews(
  before: Copy | undefined,
  after: Copy | undefined,
): { readonly reason: EventReason; readonly message: string } | undefined {
  const isReported = before?.percent !== undefined || before?.failedState !== undefined;
  if (after === undefined)
    return isReported
      ? { reason: "Copied", message: "Azure has copied all data of the disk's source" }
      : undefined;
  if (after.failedState !== undefined)
    return before?.failedState === undefined
      ? { reason: "CopyFailed", message: describeCopy(after) }
      : undefined;
  const known = before?.failedState === undefined ? before?.percent : undefined;
  return after.percent !== undefined && isNextStep(known, after.percent)
    ? { reason: "Copying", message: describeCopy(after) }
    : undefined;
}

/**
 * Why no node gets a disk for the first time; undefined: any may. Azure has failed to fill it, and what its
 * source had may be missing. One that a node has had stays usable: what was written to it may be in no other
 * place. `shown`: the disk as just read; default: as the volume's loop has read it last.
 */
export function whyNoFirstAttach(
  { spec, status }: AzVolume,
  shown?: CopiedDisk,
): FailureOf<"DiskCopyFailed"> | undefined {
  const { copy, detail } = status ?? {};
  if (copy === undefined || detail === undefined || copy.firstAttachTime !== undefined) return undefined;
  if (shown !== undefined && wasUsed(shown)) return undefined;
  const state = shown === undefined ? copy.failedState : failedStateOf(copy, shown);
  if (state === undefined) return undefined;
  const sourceUri = spec.disk.sourceUri ?? shown?.sourceUri ?? "";
  return { kind: "DiskCopyFailed", diskUri: detail.diskUri, sourceUri, state };
}

/**
 * Why a disk does not grow now: Azure still fills it, and grows no such disk; or it has failed to, and no
 * node has had the disk. Undefined: it may, also a failed one that a node has had, which stays usable.
 */
export function copyInTheWay(volume: AzVolume): FailureOf<"DiskBeingCopied" | "DiskCopyFailed"> | undefined {
  const { copy, detail } = volume.status ?? {};
  return copy === undefined || detail === undefined || copy.failedState !== undefined
    ? whyNoFirstAttach(volume)
    : { kind: "DiskBeingCopied", diskUri: detail.diskUri, percent: copy.percent ?? 0 };
}

/**
 * Why nothing is copied from a disk, as just shown, also if a node has had it; undefined: it can be. `volume`
 * is the one that it is of, past the cache; undefined: there is none. Azure shows a copy that it has failed
 * to fill as succeeded after any later change, and a new one may show no percentage yet.
 */
export function unfinishedSource(
  volume: AzVolume | undefined,
  disk: CopiedDisk,
): FailureOf<"DiskBeingCopied" | "DiskCopyFailed"> | undefined {
  const { diskUri, sourceUri = "", completionPercent: percent, isShownComplete } = disk;
  const copy = volume?.status?.copy;
  if (copy === undefined)
    return (
      whyUnfinished(disk) ??
      (percent === undefined ? undefined : { kind: "DiskBeingCopied", diskUri, percent })
    );
  const state = failedStateOf(copy, disk);
  if (state !== undefined) return { kind: "DiskCopyFailed", diskUri, sourceUri, state };
  return isShownComplete === true
    ? undefined
    : { kind: "DiskBeingCopied", diskUri, percent: percent ?? copy.percent ?? 0 };
}

/** Whether a volume's disk may have to be filled from a source yet, as far as is known. */
export function mayBeFilledFrom({ spec, status }: AzVolume, sourceUri: string): boolean {
  // Almost every volume: its disk is made and filled.
  if (status?.detail !== undefined && status.copy === undefined) return false;
  return isSameResourceUri(spec.disk.sourceUri ?? "", sourceUri);
}

/**
 * Why a source is not deleted: Azure still fills the disk of the volume from it, and documents only of copies
 * to other regions what becomes of one whose source is deleted: it fails. A disk that is adopted, as after
 * the loss of its AzVolume, may still be filled until it has been looked at. Undefined: the volume needs no
 * source. One whose disk is still to be made has not been answered yet, and its caller keeps the source until
 * it is.
 */
export function whySourceIsKept(
  volume: AzVolume,
  sourceUri: string,
): FailureOf<"SourceBeingCopied" | "StillWaiting"> | undefined {
  const { copy, detail } = volume.status ?? {};
  if (!mayBeFilledFrom(volume, sourceUri) || isDeleting(volume)) return undefined;
  if (detail === undefined) return whyNotLookedAt(volume, sourceUri);
  const percent = copy?.percent ?? 0;
  return copy && { kind: "SourceBeingCopied", sourceUri, diskUri: detail.diskUri, percent };
}

/** That an adopted disk is still to be looked at; undefined: there is none, or Azure does not have it. */
function whyNotLookedAt(volume: AzVolume, sourceUri: string): FailureOf<"StillWaiting"> | undefined {
  const { diskUri } = volume.spec;
  return diskUri === undefined || hasFailedForGood(volume, "CreationFailed")
    ? undefined
    : {
        kind: "StillWaiting",
        volumeId: diskUri,
        what: `its disk to be looked at, which Azure may still fill from ${sourceUri}`,
      };
}
