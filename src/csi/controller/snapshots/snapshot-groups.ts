import { SNAPSHOT_GROUPS_MAX } from "../../../core/api/schema/az-volume.schema.ts";
import { parseDiskUri, resourceUriKey } from "../../../core/azure/ids/disk-uri.ts";
import { formatSnapshotUri, parseSnapshotUri } from "../../../core/azure/ids/snapshot-uri.ts";
import { isRetryable } from "../../../core/failure/is-retryable.ts";
import { ok, type Result } from "../../../core/failure/result.ts";
import { readVolume } from "../../../objects/read-volume.ts";
import { changeSpec, targetOf } from "../../../objects/update-object.ts";
import type { SnapshotFacts } from "../../../ports/cloud/snapshot-provisioner.ts";
import { otherRequest } from "../../messages/snapshot-identity.ts";
import type { SnapshotRequest } from "../../messages/snapshot-request.ts";
import type { ControllerContext } from "../controller-context.ts";
import { groupsOf } from "./list-snapshots.ts";
import type { NotedSnapshot } from "./snapshot-note.ts";

/**
 * Notes on a volume the resource group of a snapshot that is not its disk's, so that ListSnapshots looks
 * there. To be called before the snapshot is made: then none is missed after a crash. A disk without an
 * object has no place for the note.
 */
export async function noteSnapshotGroup(
  context: ControllerContext,
  { snapshotUri, sourceUri }: NotedSnapshot,
  signal: AbortSignal,
): Promise<Result<void>> {
  const group = groupBesideDisk({ snapshotUri, sourceUri });
  if (group === undefined) return ok(undefined);
  const volume = await readVolume(context, sourceUri, signal);
  if (!volume.ok) return volume.failure.kind === "VolumeNotFound" ? ok(undefined) : volume;
  const noted = await changeSpec(
    context.store,
    targetOf(volume.value),
    (present) => {
      const { snapshotGroups = [] } = present.spec;
      if (snapshotGroups.includes(group)) return undefined;
      const groups = [...snapshotGroups, group].slice(-SNAPSHOT_GROUPS_MAX);
      return { ...present, spec: { ...present.spec, snapshotGroups: groups } };
    },
    signal,
  );
  return noted.ok || noted.failure.kind === "ObjectNotFound" ? ok(undefined) : noted;
}

/** The snapshot's group, unless it is the disk's. Another subscription is not listed. */
function groupBesideDisk({ snapshotUri, sourceUri }: NotedSnapshot): string | undefined {
  const [snapshot, disk] = [parseSnapshotUri(snapshotUri), parseDiskUri(sourceUri)];
  if (snapshot === undefined || disk === undefined) return undefined;
  const isOfSubscription = snapshot.subscriptionId.toLowerCase() === disk.subscriptionId.toLowerCase();
  const group = snapshot.resourceGroup.toLowerCase();
  return isOfSubscription && group !== disk.resourceGroup.toLowerCase() ? group : undefined;
}

/**
 * The snapshot that an earlier call for the same name has made where the class named another resource group;
 * undefined: there is none. Looks into the disk's group and those noted on the volume. One that can't be read
 * for good is left out: the class may name another group for that very reason.
 */
export async function findInOtherGroup(
  { snapshots, clusterId, cache }: ControllerContext,
  { name, snapshotUri, sourceUri }: Pick<SnapshotRequest, "name" | "snapshotUri" | "sourceUri">,
  signal: AbortSignal,
): Promise<Result<SnapshotFacts | undefined>> {
  const [snapshot, disk] = [parseSnapshotUri(snapshotUri), parseDiskUri(sourceUri)];
  if (snapshot === undefined || disk === undefined) return ok(undefined);
  const volumes = cache.byIndex("AzVolume", "diskUri", resourceUriKey(sourceUri));
  for (const resourceGroup of groupsOf(volumes, sourceUri)) {
    if (resourceGroup === undefined || resourceGroup === snapshot.resourceGroup.toLowerCase()) continue;
    const read = await snapshots.getSnapshot(
      { snapshotUri: formatSnapshotUri({ ...disk, resourceGroup, name: snapshot.name }) },
      signal,
    );
    if (!read.ok && isRetryable(read.failure)) return read;
    if (!read.ok) continue;
    const { isIncremental, location } = read.value;
    if (otherRequest(read.value, { clusterId, name, sourceUri, isIncremental, location }) === undefined)
      return read;
  }
  return ok(undefined);
}
