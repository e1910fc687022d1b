import type { AzVolume, DiskModification, VolumeDetail, VolumeStatus } from "../../api/az-volume.ts";
import { isDeleting } from "../../attachment/observed-volume.ts";
import { LATE_REQUEST_MS } from "../../azure/late-request.ts";
import { regionName } from "../../azure/topology.ts";
import { sameJson } from "../../primitives/same-json.ts";
import { parseTimestamp, toTimestamp } from "../../primitives/timestamp.ts";
import { allowedPerformance } from "../disk-performance.ts";
import { mergeTags } from "../tags/merge-tags.ts";
import { isOwnTag } from "../tags/volume-tags.ts";
import { type ModifiableDisk, withoutModification } from "./plan-modification.ts";

type RecentModification = NonNullable<VolumeStatus["recentModification"]>;

/** A disk as Azure shows it, as far as the driver decides by it. */
export type DecidingDisk = ModifiableDisk &
  Required<Pick<VolumeDetail, "sizeGiB" | "maxShares" | "location" | "zones" | "burstingEnabled">>;

/**
 * How long before a late request can't come any more the disk is read, in milliseconds: recovery may list it
 * less often. Disks have no ETag. What differs after that time is another client's doing, and stays.
 */
const LAST_LOOK_MS = 60_000;

/**
 * What the driver has made of a disk lately, once a request has ended; what was made before and not changed
 * since stays known. The same again counts from its first end, and after the last look it is made once
 * only: a client that keeps changing the disk has its way in the end, and a refusal is not asked for again.
 */
export function recentlyMade(
  before: RecentModification | undefined,
  { requested, isMade }: { readonly requested: DiskModification; readonly isMade: boolean },
  { nowMs, storeIncarnation }: { readonly nowMs: number; readonly storeIncarnation: number },
): RecentModification | undefined {
  const isOfThisStore = before?.storeIncarnation === storeIncarnation;
  const isRepeated = isOfThisStore && sameJson(mergeModifications(before.made, requested), before.made);
  if (isRepeated) return lastLookInMs(before, nowMs) === 0 ? undefined : before;
  if (!isMade) return before;
  const known = isOfThisStore && isRecent(before, nowMs) ? before.made : {};
  const made = mergeModifications(known, requested);
  return Object.keys(made).length === 0 ? undefined : { made, endTime: toTimestamp(nowMs), storeIncarnation };
}

function mergeModifications(known: DiskModification, made: DiskModification): DiskModification {
  const { diskIOPSReadWrite: _, diskMBpsReadWrite: __, ...others } = known;
  // IOPS and MB/s are those of the SKU that they were asked for with.
  const isOtherSku =
    made.skuName !== undefined && made.skuName.toLowerCase() !== known.skuName?.toLowerCase();
  const tags = mergeTags(known.tags ?? {}, made.tags ?? {});
  return { ...(isOtherSku ? others : known), ...made, ...(Object.keys(tags).length === 0 ? {} : { tags }) };
}

/**
 * In how many milliseconds a modified disk is read once more, before the driver forgets what it has made of
 * it; undefined where nothing was made lately.
 */
export function untilLastLookMs({ status }: AzVolume, nowMs: number): number | undefined {
  return status?.recentModification && lastLookInMs(status.recentModification, nowMs);
}

/** The time until the last look, in milliseconds: 0 once it is due. */
function lastLookInMs(recent: RecentModification, nowMs: number): number {
  const afterMs = endMsOf(recent) + LATE_REQUEST_MS - LAST_LOOK_MS - nowMs;
  // A clock that was set back must not postpone the look for ever.
  return afterMs < LATE_REQUEST_MS ? Math.max(0, afterMs) : 0;
}

/**
 * What to ask of a disk that Azure shows otherwise than modifications have left it: the same again,
 * or nothing, so that only the status and the spec's disk follow. Undefined: it is as it should be, or a
 * request is under way. `isOfThisStore`: what was made lately was not restored from a backup.
 */
export function repeatedModification(
  volume: AzVolume,
  shown: DecidingDisk,
  { nowMs, isOfThisStore }: { readonly nowMs: number; readonly isOfThisStore: boolean },
): DiskModification | undefined {
  const { spec, status, metadata } = volume;
  if (spec.modification !== undefined || metadata.deletionTimestamp !== undefined || isDeleting(volume))
    return undefined;
  const recent = status?.recentModification;
  if (recent !== undefined && isOfThisStore && isRecent(recent, nowMs)) {
    const raised = raisedSince(recent.made, shown);
    if (!isAs(shown, recent.made) && !isAs(shown, raised)) return raised;
  }
  if (isOtherwiseMade(volume, shown)) return {};
  const last = status?.modification;
  if (last === undefined) return isStatedOtherwise(volume, shown) ? {} : undefined;
  if (last.error !== undefined) return undefined;
  return sameJson(withoutModification(spec, shown, {}).disk, spec.disk) ? undefined : {};
}

/**
 * Whether another client has changed what the driver decides by, or has made the disk again under its name:
 * the host cache at an attach, the zones, how large the disk may be, whether it may become a Premium SSD v2,
 * and whether Azure still copies its snapshots where it grows or is deleted.
 */
function isOtherwiseMade({ spec, status }: AzVolume, shown: DecidingDisk): boolean {
  const known = status?.detail;
  if (known === undefined) return false;
  return (
    shown.skuName.toLowerCase() !== known.skuName.toLowerCase() ||
    shown.maxShares !== known.maxShares ||
    shown.burstingEnabled !== knownBursting({ spec, status }) ||
    regionName(shown.location) !== regionName(known.location) ||
    !sameJson(shown.zones, known.zones)
  );
}

/**
 * Whether an object states of its disk what Azure shows otherwise. One that a person has made again has no
 * status that tells of a class, and its manifest may be older than that class. What the spec does not state
 * is as it is.
 */
function isStatedOtherwise({ spec, status }: AzVolume, shown: DecidingDisk): boolean {
  if (status?.detail === undefined || status.detail.isMadeForObject === true) return false;
  const { skuName, diskIOPSReadWrite, diskMBpsReadWrite, networkAccessPolicy, publicNetworkAccess } =
    spec.disk;
  const fields = { skuName, diskIOPSReadWrite, diskMBpsReadWrite, networkAccessPolicy, publicNetworkAccess };
  const stated = Object.entries(fields).filter(([, value]) => value !== undefined);
  const tags = Object.entries(spec.disk.tags).filter(([name]) => !isOwnTag(name));
  return !isAs(shown, { ...Object.fromEntries(stated), tags: Object.fromEntries(tags) });
}

/** Whether a volume's disk bursts on demand, as far as is recorded. */
export function knownBursting({ spec, status }: Pick<AzVolume, "spec" | "status">): boolean {
  return status?.detail?.burstingEnabled ?? spec.disk.burstingEnabled ?? false;
}

/** What was made, with as much performance as the disk's later growth had to raise it to. */
function raisedSince(made: DiskModification, { skuName, sizeGiB, ...shown }: DecidingDisk): DiskModification {
  const { diskIOPSReadWrite = shown.diskIOPSReadWrite, diskMBpsReadWrite } = made;
  const allowed = allowedPerformance(skuName, sizeGiB, { diskIOPSReadWrite, diskMBpsReadWrite });
  return Object.fromEntries(
    Object.entries(made).map(([name, value]) => [name, allowed[name as keyof typeof allowed] ?? value]),
  );
}

function isRecent(recent: RecentModification, nowMs: number): boolean {
  return nowMs - endMsOf(recent) < LATE_REQUEST_MS;
}

/** A person may have edited the time: then it was long ago. */
function endMsOf({ endTime }: RecentModification): number {
  return parseTimestamp(endTime) ?? Number.NEGATIVE_INFINITY;
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
