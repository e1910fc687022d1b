import { clusterOf, clusterTags, isMadeByDriver } from "../../controller/disk/disk-tags.ts";
import { isSameResourceUri, parseDiskUri } from "../../core/azure/ids/disk-uri.ts";
import { parseSnapshotUri } from "../../core/azure/ids/snapshot-uri.ts";
import { regionName } from "../../core/azure/topology.ts";
import type { FailureOf } from "../../core/failure/failure.ts";
import { parseTimestamp, toTimestamp } from "../../core/primitives/timestamp.ts";
import { TAG_VALUE_MAX_CHARS } from "../../core/volume/tags/tag-limits.ts";
import type { SnapshotFacts } from "../../ports/cloud/snapshot-provisioner.ts";

/** The name in CreateSnapshot: names that differ in case only are one resource in Azure. */
const NAME = "disk.csi.azure.com-snapshot-name";
/** V1's tag. A copy of a snapshot names that snapshot as its source, not the disk. */
const SOURCE_VOLUME = "source_volume_id";
/** Of the snapshot in the disk's region: the name of the one in another region that it becomes. */
const COPIED_TO = "disk.csi.azure.com-copied-to";
/** Of a copy in another region: the moment of its content, which Azure shows of its source only. */
const TAKEN_AT = "disk.csi.azure.com-taken-at";

/** The id of the freeze during which a snapshot was asked for. */
const FREEZE = "disk.csi.azure.com-freeze";
/** The moment of a snapshot whose freeze is known to have held: another one under its name has another. */
const FROZEN_AT = "disk.csi.azure.com-frozen-at";

type Tags = Readonly<Record<string, string>>;

/** The tags by which the driver knows a snapshot as its own. */
export function snapshotTags(
  clusterId: string,
  snapshot: { readonly name: string; readonly sourceUri: string },
): Tags {
  const { name, sourceUri } = snapshot;
  return {
    ...clusterTags(clusterId),
    [NAME]: name,
    // A longer id is only in the snapshot's own source.
    ...(sourceUri.length > TAG_VALUE_MAX_CHARS ? {} : { [SOURCE_VOLUME]: sourceUri }),
  };
}

/** The tag by which the source of a copy to another region is known. */
export function copySourceTags(snapshotUri: string): Tags {
  return { [COPIED_TO]: parseSnapshotUri(snapshotUri)?.name ?? "" };
}

/** The tag of a copy in another region that keeps the moment of its source. */
export function copyTags({ createdAtMs }: SnapshotFacts): Tags {
  return createdAtMs === undefined ? {} : { [TAKEN_AT]: toTimestamp(createdAtMs) };
}

/** The tag of a snapshot that counts only once its freeze is known to have held. */
export function freezeTags(freezeId: string): Tags {
  return { [FREEZE]: freezeId };
}

/** The tag of a snapshot whose freeze has held; undefined while Azure shows no moment of it. */
export function frozenTags({ createdAtMs }: Pick<SnapshotFacts, "createdAtMs">): Tags | undefined {
  return createdAtMs === undefined ? undefined : { [FROZEN_AT]: toTimestamp(createdAtMs) };
}

/** The id of the freeze that a snapshot was asked for with; undefined: with none. */
export function freezeIdOf(tags: Tags): string | undefined {
  return tags[FREEZE];
}

/** Whether a snapshot is known to be of a frozen file system. */
export function isKnownFrozen({ tags, createdAtMs }: Pick<SnapshotFacts, "tags" | "createdAtMs">): boolean {
  return createdAtMs !== undefined && tags[FROZEN_AT] === toTimestamp(createdAtMs);
}

/** Whether a snapshot may yet be deleted, since it may be of a file system that was not frozen. */
export function mayBeUnfrozen(snapshot: Pick<SnapshotFacts, "tags" | "createdAtMs">): boolean {
  return freezeIdOf(snapshot.tags) !== undefined && !isKnownFrozen(snapshot);
}

/** The moment of a snapshot's content; undefined while Azure shows none. */
export function takenAtMs({ sourceUri, tags, createdAtMs }: SnapshotFacts): number | undefined {
  const stated = parseSnapshotUri(sourceUri) === undefined ? undefined : tags[TAKEN_AT];
  return stated === undefined ? createdAtMs : (parseTimestamp(stated) ?? createdAtMs);
}

/** Whether a snapshot exists only to be copied to another region. */
export function isCopySource(tags: Tags): boolean {
  return tags[COPIED_TO] !== undefined;
}

/** Whether a snapshot, found under the name of its source, exists only to become `snapshotUri`. */
export function isCopySourceOf(tags: Tags, snapshotUri: string): boolean {
  const target = tags[COPIED_TO];
  // V1 knows its own by the name alone.
  if (target === undefined) return clusterOf(tags) === undefined && isMadeByDriver(tags);
  return target.toLowerCase() === parseSnapshotUri(snapshotUri)?.name.toLowerCase();
}

/** The volume that a snapshot was made of; empty if neither the snapshot nor its tags say it. */
export function sourceVolumeOf({ sourceUri, tags }: SnapshotFacts): string {
  return parseDiskUri(sourceUri) === undefined ? (tags[SOURCE_VOLUME] ?? "") : sourceUri;
}

/**
 * Who else a snapshot belongs to, as a clause; undefined for this cluster's own, whose ids are `ownIds`. V1
 * sets no cluster id: what it made is the cluster's own where a VolumeSnapshotContent names it.
 */
export function otherOwner(tags: Tags, ownIds: readonly string[]): string | undefined {
  const cluster = clusterOf(tags);
  if (cluster === undefined) return isMadeByDriver(tags) ? undefined : "this driver did not make it";
  return ownIds.includes(cluster) ? undefined : `cluster ${cluster} made it`;
}

/** Why a snapshot that has the id already is not the requested one; undefined: it is. */
export function otherRequest(
  present: SnapshotFacts,
  wanted: {
    readonly clusterId: string;
    readonly name: string;
    readonly sourceUri: string;
    readonly isIncremental: boolean;
    /** Undefined: that of its disk. */
    readonly location: string | undefined;
  },
): FailureOf<"SnapshotExistsWithOtherRequest"> | undefined {
  const name = present.tags[NAME];
  const source = sourceVolumeOf(present);
  const difference =
    otherOwner(present.tags, [wanted.clusterId]) ??
    (name === undefined || name === wanted.name ? undefined : `its name is ${name}`) ??
    (isSameResourceUri(source, wanted.sourceUri) ? undefined : `its source is ${source || "not known"}`) ??
    (present.isIncremental === wanted.isIncremental
      ? undefined
      : `it is ${present.isIncremental ? "incremental" : "a full copy"}`) ??
    (isElsewhere(present, wanted.location) ? `it is in ${present.location}` : undefined);
  return difference === undefined
    ? undefined
    : { kind: "SnapshotExistsWithOtherRequest", snapshotUri: present.snapshotUri, difference };
}

/** A snapshot of a snapshot is a copy in another region than its disk's. */
function isElsewhere({ sourceUri, location }: SnapshotFacts, wanted: string | undefined): boolean {
  return wanted === undefined
    ? parseSnapshotUri(sourceUri) !== undefined
    : regionName(location) !== regionName(wanted);
}
