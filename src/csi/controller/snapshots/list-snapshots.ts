import type { AzVolume } from "../../../core/api/az-volume.ts";
import { isSameResourceUri, parseDiskUri, resourceUriKey } from "../../../core/azure/ids/disk-uri.ts";
import { parseSnapshotUri } from "../../../core/azure/ids/snapshot-uri.ts";
import { ok, type Result } from "../../../core/failure/result.ts";
import { toTimestamp } from "../../../core/primitives/timestamp.ts";
import type { ObjectCache } from "../../../objects/cache/object-cache.ts";
import type { SnapshotFacts } from "../../../ports/cloud/snapshot-provisioner.ts";
import {
  type ListSnapshotsRequest,
  type ListSnapshotsResponse,
  ListSnapshotsResponse_Entry,
} from "../../gen/csi/v1/csi.ts";
import { pageOf } from "../../messages/page.ts";
import { isCopySource, mayBeUnfrozen, sourceVolumeOf } from "../../messages/snapshot-identity.ts";
import { snapshotMessage } from "../../messages/snapshot-message.ts";
import type { CallContext } from "../../server/unary-handler.ts";
import type { ControllerContext } from "../controller-context.ts";

interface ListContext extends Pick<ControllerContext, "snapshots"> {
  readonly cache: Pick<ObjectCache, "list" | "byIndex">;
}

/**
 * ListSnapshots: from Azure, also those of others, oldest first. Those of one id, or those in the cluster's
 * resource group, in the groups of the volumes' disks, and in those that CreateSnapshot has noted on the
 * volumes. What a class put into another group is found by its id alone once its volume is deleted.
 */
export async function listSnapshots(
  context: ListContext,
  request: ListSnapshotsRequest,
  { signal }: Pick<CallContext, "signal">,
): Promise<Result<ListSnapshotsResponse>> {
  const found = await findSnapshots(context, request, signal);
  if (!found.ok) return found;
  return pageOf(
    found.value,
    {
      positionOf,
      entryOf: (snapshot): ListSnapshotsResponse_Entry => ({ snapshot: snapshotMessage(snapshot) }),
      bytesOf: (entry) => ListSnapshotsResponse_Entry.encode(entry).finish().length,
    },
    request,
  );
}

async function findSnapshots(
  context: ListContext,
  { snapshotId, sourceVolumeId }: ListSnapshotsRequest,
  signal: AbortSignal,
): Promise<Result<readonly SnapshotFacts[]>> {
  // CSI lists no snapshot whose content is not fixed yet. The source of a copy is part of another one.
  const isListed = (snapshot: SnapshotFacts): boolean =>
    snapshot.isTaken &&
    !isCopySource(snapshot.tags) &&
    !mayBeUnfrozen(snapshot) &&
    (sourceVolumeId === "" || isSameResourceUri(sourceVolumeOf(snapshot), sourceVolumeId));
  if (snapshotId !== "") {
    if (parseSnapshotUri(snapshotId) === undefined) return ok([]);
    const read = await context.snapshots.getSnapshot({ snapshotUri: snapshotId }, signal);
    if (read.ok) return ok([read.value].filter(isListed));
    return read.failure.kind === "SnapshotNotFound" ? ok([]) : read;
  }
  const volumes = volumesToList(context.cache, sourceVolumeId);
  const found: SnapshotFacts[] = [];
  for (const resourceGroup of groupsOf(volumes, sourceVolumeId)) {
    const listed = await context.snapshots.listSnapshots({ resourceGroup }, signal);
    if (!listed.ok) return listed;
    found.push(...listed.value.filter(isListed));
  }
  return ok(distinct(found));
}

function volumesToList(
  cache: Pick<ObjectCache, "list" | "byIndex">,
  sourceVolumeId: string,
): readonly AzVolume[] {
  return sourceVolumeId === ""
    ? cache.list("AzVolume")
    : cache.byIndex("AzVolume", "diskUri", resourceUriKey(sourceVolumeId));
}

/** The groups to list for volumes, and for a disk that may have none, each once; undefined: the cluster's. */
export function groupsOf(volumes: readonly AzVolume[], diskUri: string): readonly (string | undefined)[] {
  const disks = [diskUri, ...volumes.map(({ status }) => status?.detail?.diskUri ?? "")];
  const groups = disks.flatMap((uri) => parseDiskUri(uri)?.resourceGroup.toLowerCase() ?? []);
  return [undefined, ...new Set([...groups, ...volumes.flatMap(({ spec }) => spec.snapshotGroups ?? [])])];
}

/** The cluster's group is listed under its own name, too, where volumes are in it. */
function distinct(snapshots: readonly SnapshotFacts[]): readonly SnapshotFacts[] {
  return [...new Map(snapshots.map((snapshot) => [resourceUriKey(snapshot.snapshotUri), snapshot])).values()];
}

function positionOf({ createdAtMs = 0, snapshotUri }: SnapshotFacts): string {
  return `${toTimestamp(createdAtMs)} ${resourceUriKey(snapshotUri)}`;
}
