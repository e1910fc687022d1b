import type { AzVolume, DiskModification } from "../api/az-volume.ts";
import { isDeleting } from "../attachment/observed-volume.ts";
import { sameJson } from "../primitives/same-json.ts";
import { parseTimestamp } from "../primitives/timestamp.ts";
import { mergeTags } from "./merge-tags.ts";
import { type ModifiableDisk, withoutModification } from "./plan-modification.ts";

/**
 * How long after a modification has ended the driver makes it again where the disk differs, in
 * milliseconds. Disks have no ETag: a request that a stopped controller had sent may land within this time.
 * Recovery lists up to 1,000 disks twice in it, and more of them less often. What differs later is another
 * client's doing, and stays.
 */
export const LATE_REQUEST_MS = 1_200_000;

/**
 * What to ask of a disk that the platform lists otherwise than its last modification has left it: the same
 * again, or nothing, so that only the spec's disk follows. Undefined: it is as it should be, or a request
 * is under way. `isOfThisStore`: the end of the modification was not restored from a backup.
 */
export function repeatedModification(
  volume: AzVolume,
  listed: ModifiableDisk,
  { nowMs, isOfThisStore }: { readonly nowMs: number; readonly isOfThisStore: boolean },
): DiskModification | undefined {
  const { spec, status, metadata } = volume;
  const last = status?.modification;
  if (last === undefined || last.error !== undefined || spec.modification !== undefined) return undefined;
  if (metadata.deletionTimestamp !== undefined || isDeleting(volume)) return undefined;
  // An earlier version has recorded no end, and a person may have edited it: neither is a recent one.
  const endMs = parseTimestamp(last.endTime ?? "") ?? Number.NEGATIVE_INFINITY;
  if (isOfThisStore && nowMs - endMs < LATE_REQUEST_MS && !isAs(listed, last.requested))
    return last.requested;
  return sameJson(withoutModification(spec, listed, {}).disk, spec.disk) ? undefined : {};
}

/** Azure compares names of SKUs, and of tags, without case. */
function isAs(disk: ModifiableDisk, { tags, ...fields }: DiskModification): boolean {
  return (
    sameJson(mergeTags(disk.tags, tags ?? {}), disk.tags) &&
    Object.entries(fields).every(
      ([name, value]) =>
        String(disk[name as keyof typeof fields]).toLowerCase() === String(value).toLowerCase(),
    )
  );
}
