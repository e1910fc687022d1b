import { resourceUriKey } from "../../../core/azure/ids/disk-uri.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { otherDiskThan } from "../../../core/volume/replaced-disk.ts";
import type { ObjectCache } from "../../../objects/cache/object-cache.ts";
import type { CloudProvisioner } from "../../../ports/cloud/cloud-provisioner.ts";

/**
 * Whether a snapshot, or a copy, of a volume's disk was made of that very disk. Azure takes the source by its
 * name: between the look at it and the request, another client may have deleted it and made another one.
 * Fails with `DiskReplaced` where Azure shows that other one as the source. A person may have taken another
 * disk for the volume's since, so one that was made of neither of the two is as it was.
 */
export async function checkCopiedDisk(
  {
    cloud,
    cache,
  }: { readonly cloud: Pick<CloudProvisioner, "getDisk">; readonly cache: Pick<ObjectCache, "byIndex"> },
  {
    sourceUri,
    sourceUniqueId,
  }: { readonly sourceUri: string | undefined; readonly sourceUniqueId?: string | undefined },
  signal: AbortSignal,
): Promise<Result<void>> {
  if (sourceUri === undefined || sourceUniqueId === undefined) return ok(undefined);
  const [volume] = cache.byIndex("AzVolume", "diskUri", resourceUriKey(sourceUri));
  const known = volume?.status?.detail?.uniqueId;
  if (known === undefined || known.toLowerCase() === sourceUniqueId.toLowerCase()) return ok(undefined);
  const shown = await cloud.getDisk({ diskUri: sourceUri }, signal);
  if (!shown.ok) return shown.failure.kind === "DiskNotFound" ? ok(undefined) : shown;
  const replaced = otherDiskThan(volume, shown.value);
  return replaced !== undefined && replaced.shownId === sourceUniqueId.toLowerCase()
    ? fail(replaced)
    : ok(undefined);
}
