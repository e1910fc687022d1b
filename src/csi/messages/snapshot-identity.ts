import { clusterOf, clusterTags, isMadeByDriver } from "../../controller/disk/disk-tags.ts";
import { isSameResourceUri, parseDiskUri } from "../../core/azure/disk-uri.ts";
import type { FailureOf } from "../../core/failure/failure.ts";
import type { SnapshotFacts } from "../../ports/cloud/snapshot-provisioner.ts";

/** The name in CreateSnapshot: names that differ in case only are one resource in Azure. */
const NAME = "disk.csi.azure.com-snapshot-name";
/** V1's tag. A copy of a snapshot names that snapshot as its source, not the disk. */
const SOURCE_VOLUME = "source_volume_id";
/** Azure's limit. A disk's id may be longer: it is then only in the snapshot's own source. */
const TAG_VALUE_MAX_CHARS = 256;

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
    ...(sourceUri.length > TAG_VALUE_MAX_CHARS ? {} : { [SOURCE_VOLUME]: sourceUri }),
  };
}

/** The volume that a snapshot was made of; empty if neither the snapshot nor its tags say it. */
export function sourceVolumeOf({ sourceUri, tags }: SnapshotFacts): string {
  return parseDiskUri(sourceUri) === undefined ? (tags[SOURCE_VOLUME] ?? "") : sourceUri;
}

/**
 * Who else a snapshot belongs to, as a clause; undefined for this cluster's own. V1 sets no cluster id: what
 * it made is the cluster's own where a VolumeSnapshotContent names it.
 */
export function otherOwner(tags: Tags, clusterId: string): string | undefined {
  const cluster = clusterOf(tags);
  if (cluster === undefined) return isMadeByDriver(tags) ? undefined : "this driver did not make it";
  return cluster === clusterId ? undefined : `cluster ${cluster} made it`;
}

/** Why a snapshot that has the id already is not the requested one; undefined: it is. */
export function otherRequest(
  present: SnapshotFacts,
  wanted: {
    readonly clusterId: string;
    readonly name: string;
    readonly sourceUri: string;
    readonly isIncremental: boolean;
  },
): FailureOf<"SnapshotExistsWithOtherRequest"> | undefined {
  const name = present.tags[NAME];
  const source = sourceVolumeOf(present);
  const difference =
    otherOwner(present.tags, wanted.clusterId) ??
    (name === undefined || name === wanted.name ? undefined : `its name is ${name}`) ??
    (isSameResourceUri(source, wanted.sourceUri) ? undefined : `its source is ${source || "not known"}`) ??
    (present.isIncremental === wanted.isIncremental
      ? undefined
      : `it is ${present.isIncremental ? "incremental" : "a full copy"}`);
  return difference === undefined
    ? undefined
    : { kind: "SnapshotExistsWithOtherRequest", snapshotUri: present.snapshotUri, difference };
}
