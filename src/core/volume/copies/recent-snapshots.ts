import type { AzVolume } from "../../api/az-volume.ts";
import { RECENT_SNAPSHOTS_MAX } from "../../api/schema/az-volume.schema.ts";
import { isSameResourceUri } from "../../azure/ids/disk-uri.ts";
import { mayArrive } from "../../azure/late-request.ts";
import { sameJson } from "../../primitives/same-json.ts";
import { toTimestamp } from "../../primitives/timestamp.ts";
import { isSnapshotCopied } from "../disk-sku.ts";

/** A snapshot that Azure was asked for, and the time. */
export type RecentSnapshot = NonNullable<AzVolume["spec"]["recentSnapshots"]>[number];

/** Whether Azure copies the snapshots of a volume's disk in the background, or will after a modification. */
export function mayCopySnapshots({ spec, status }: AzVolume): boolean {
  const present = status?.detail?.skuName ?? spec.disk.skuName;
  return [present, spec.modification?.skuName ?? present].some(isSnapshotCopied);
}

/** The snapshots of which a request may still be on its way to Azure, so that no list shows them. */
export function recentSnapshotsOf({ spec }: AzVolume, nowMs: number): readonly RecentSnapshot[] {
  return (spec.recentSnapshots ?? []).filter(({ time }) => mayArrive(time, nowMs));
}

/** The first of them that `seen`, the volume as it was read before, lacks, or has with another time. */
export function unseenSnapshot(volume: AzVolume, seen: AzVolume, nowMs: number): RecentSnapshot | undefined {
  const known = seen.spec.recentSnapshots ?? [];
  return recentSnapshotsOf(volume, nowMs).find((recent) => !known.some((other) => sameJson(other, recent)));
}

/** The volume with a snapshot that is about to be asked for; undefined: too many were asked for lately. */
export function withRecentSnapshot(
  volume: AzVolume,
  { snapshotUri, nowMs }: { readonly snapshotUri: string; readonly nowMs: number },
): AzVolume | undefined {
  const others = recentSnapshotsOf(volume, nowMs).filter((recent) => !isOf(recent, snapshotUri));
  return others.length >= RECENT_SNAPSHOTS_MAX
    ? undefined
    : withRecent(volume, [...others, { snapshotUri, time: toTimestamp(nowMs) }]);
}

/**
 * The volume once Azure has refused the request `refused`. An earlier request for the same snapshot,
 * `before`, may still be on its way. Undefined: there is nothing to change, or the snapshot was requested
 * again since.
 */
export function withoutRefusedSnapshot(
  volume: AzVolume,
  refused: RecentSnapshot,
  before: RecentSnapshot | undefined,
): AzVolume | undefined {
  const present = volume.spec.recentSnapshots ?? [];
  if (!present.some((recent) => sameJson(recent, refused))) return undefined;
  const next = present.flatMap((recent) => (sameJson(recent, refused) ? (before ?? []) : recent));
  return withRecent(volume, next);
}

/** The volume without snapshots that are deleted; undefined: it has none of them. */
export function withoutDeletedSnapshots(
  volume: AzVolume,
  snapshotUris: readonly string[],
): AzVolume | undefined {
  const present = volume.spec.recentSnapshots ?? [];
  const others = present.filter((recent) => !snapshotUris.some((uri) => isOf(recent, uri)));
  return others.length === present.length ? undefined : withRecent(volume, others);
}

/** The recent request for a snapshot; undefined: there is none. */
export function recentSnapshotIn(volume: AzVolume, snapshotUri: string): RecentSnapshot | undefined {
  return volume.spec.recentSnapshots?.find((recent) => isOf(recent, snapshotUri));
}

function isOf(recent: RecentSnapshot, snapshotUri: string): boolean {
  return isSameResourceUri(recent.snapshotUri, snapshotUri);
}

function withRecent(volume: AzVolume, recentSnapshots: readonly RecentSnapshot[]): AzVolume {
  const { recentSnapshots: _, ...spec } = volume.spec;
  return { ...volume, spec: recentSnapshots.length === 0 ? spec : { ...spec, recentSnapshots } };
}
