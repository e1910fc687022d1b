import { resourceUriKey } from "../../../core/azure/ids/disk-uri.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { parseTimestamp } from "../../../core/primitives/timestamp.ts";
import { isOfEarlierDisk, otherDiskThan, ownIdentity } from "../../../core/volume/replaced-disk.ts";
import type { ObjectCache } from "../../../objects/cache/object-cache.ts";
import type { CloudProvisioner, DiskFacts } from "../../../ports/cloud/cloud-provisioner.ts";
import type { SnapshotFacts } from "../../../ports/cloud/snapshot-provisioner.ts";

/** A snapshot, or a copy, as Azure shows it. */
type Copied = Partial<Pick<DiskFacts, "sourceUri" | "sourceUniqueId" | "timeCreated">> &
  Partial<Pick<SnapshotFacts, "createdAtMs">>;

/**
 * Whether a snapshot, or a copy, of a volume's disk was made of that very disk. Azure takes the source by its
 * name: between the look at it and the request, another client may have deleted it and made another one.
 * Fails with `DiskReplaced` where the source is another one, also once that is gone. A person may have taken
 * another disk for the volume's since, so one that was made before this disk was is as it was.
 */
export async function checkCopiedDisk(
  {
    cloud,
    cache,
  }: { readonly cloud: Pick<CloudProvisioner, "getDisk">; readonly cache: Pick<ObjectCache, "byIndex"> },
  { sourceUri, sourceUniqueId, createdAtMs, timeCreated }: Copied,
  signal: AbortSignal,
): Promise<Result<void>> {
  if (sourceUri === undefined || sourceUniqueId === undefined) return ok(undefined);
  const [volume] = cache.byIndex("AzVolume", "diskUri", resourceUriKey(sourceUri));
  const own = ownIdentity(volume);
  const [uniqueId, shownId] = [own.uniqueId?.toLowerCase(), sourceUniqueId.toLowerCase()];
  if (uniqueId === undefined || uniqueId === shownId) return ok(undefined);
  const shown = await cloud.getDisk({ diskUri: sourceUri }, signal);
  if (!shown.ok && shown.failure.kind !== "DiskNotFound") return shown;
  if (shown.ok) {
    const replaced = otherDiskThan(volume, shown.value);
    if (replaced === undefined) return ok(undefined);
    if (replaced.shownId === shownId) return fail(replaced);
  }
  const madeAtMs = createdAtMs ?? (timeCreated === undefined ? undefined : parseTimestamp(timeCreated));
  return isOfEarlierDisk({ sourceUniqueId, madeAtMs }, own)
    ? ok(undefined)
    : fail({ kind: "DiskReplaced", diskUri: sourceUri, uniqueId, shownId });
}
