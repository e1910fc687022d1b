import { parseDiskUri, resourceUriKey } from "../../../core/azure/ids/disk-uri.ts";
import { formatSnapshotUri, parseSnapshotUri } from "../../../core/azure/ids/snapshot-uri.ts";
import { isRetryable } from "../../../core/failure/is-retryable.ts";
import { ok, type Result } from "../../../core/failure/result.ts";
import type { ObjectCache } from "../../../objects/cache/object-cache.ts";
import type { SnapshotFacts } from "../../../ports/cloud/snapshot-provisioner.ts";
import { otherRequest } from "../../messages/snapshot-identity.ts";
import type { SnapshotRequest } from "../../messages/snapshot-request.ts";
import type { ControllerContext } from "../controller-context.ts";
import { groupsOf } from "./list-snapshots.ts";

/**
 * The snapshot that an earlier call for the same name has made where the class named another resource group;
 * undefined: there is none. Looks into the disk's group and those noted on the volume. One that can't be read
 * for good is left out: the class may name another group for that very reason.
 */
export async function findInOtherGroup(
  {
    snapshots,
    clusterId,
    cache,
  }: Pick<ControllerContext, "snapshots" | "clusterId"> & { readonly cache: Pick<ObjectCache, "byIndex"> },
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
