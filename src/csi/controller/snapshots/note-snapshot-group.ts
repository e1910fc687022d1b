import { SNAPSHOT_GROUPS_MAX } from "../../../core/api/schema/az-volume.schema.ts";
import { parseDiskUri } from "../../../core/azure/ids/disk-uri.ts";
import { parseSnapshotUri } from "../../../core/azure/ids/snapshot-uri.ts";
import { ok, type Result } from "../../../core/failure/result.ts";
import { readVolume } from "../../../objects/read-volume.ts";
import { changeSpec } from "../../../objects/update-object.ts";
import type { SnapshotRequest } from "../../messages/snapshot-request.ts";
import type { ControllerContext } from "../controller-context.ts";

/**
 * Notes on a volume the resource group of a snapshot that is not its disk's, so that ListSnapshots looks
 * there. To be called before the snapshot is made: then none is missed after a crash. A disk without an
 * object has no place for the note.
 */
export async function noteSnapshotGroup(
  { store, cache }: Pick<ControllerContext, "store" | "cache">,
  { snapshotUri, sourceUri }: Pick<SnapshotRequest, "snapshotUri" | "sourceUri">,
  signal: AbortSignal,
): Promise<Result<void>> {
  const group = groupBesideDisk({ snapshotUri, sourceUri });
  if (group === undefined) return ok(undefined);
  const volume = await readVolume({ store, cache }, sourceUri, signal);
  if (!volume.ok) return volume.failure.kind === "VolumeNotFound" ? ok(undefined) : volume;
  const { name, uid } = volume.value.metadata;
  const noted = await changeSpec(
    store,
    { kind: "AzVolume", name, uid },
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
function groupBesideDisk({
  snapshotUri,
  sourceUri,
}: Pick<SnapshotRequest, "snapshotUri" | "sourceUri">): string | undefined {
  const [snapshot, disk] = [parseSnapshotUri(snapshotUri), parseDiskUri(sourceUri)];
  if (snapshot === undefined || disk === undefined) return undefined;
  const isOfSubscription = snapshot.subscriptionId.toLowerCase() === disk.subscriptionId.toLowerCase();
  const group = snapshot.resourceGroup.toLowerCase();
  return isOfSubscription && group !== disk.resourceGroup.toLowerCase() ? group : undefined;
}
