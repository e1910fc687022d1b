import type { AzVolume } from "../../../core/api/az-volume.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { stillWaiting } from "../../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../../core/failure/result.ts";
import { isSnapshotCopied } from "../../../core/volume/disk-sku.ts";
import { isGrowthRefused } from "../../../core/volume/is-growth-refused.ts";

/**
 * Fails where a disk is to grow whose snapshots Azure copies in the background: it would fail one that is
 * made now. A growth that Azure has refused holds up nothing. `volume` is read past the cache, and last:
 * another controller may have found that no snapshot is copied, and have asked for the growth since.
 */
export function refuseWhileGrowing(volume: AzVolume, sourceUri: string): Result<void, Failure> {
  const { spec, status } = volume;
  const { detail } = status ?? {};
  const { sizeGiB } = spec.disk;
  if (detail === undefined || !isSnapshotCopied(detail.skuName)) return ok(undefined);
  if (sizeGiB <= detail.sizeGiB || isGrowthRefused(volume)) return ok(undefined);
  const waits = detail.maxShares > 1 ? ", which a shared disk does only while no pod uses it" : "";
  const what = `its disk to grow to ${sizeGiB} GiB${waits}: Azure fails a snapshot that it still copies then`;
  return stillWaiting(sourceUri, what);
}
