import type { AzVolume } from "../../../core/api/az-volume.ts";
import { stillWaiting } from "../../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../../core/failure/result.ts";
import { mayCopySnapshots } from "../../../core/volume/copies/recent-snapshots.ts";
import { sizeOnItsWay } from "../../../core/volume/copies/sent-growth.ts";
import { isGrowthRefused } from "../../../core/volume/is-growth-refused.ts";

/**
 * Fails where a disk is to grow whose snapshots Azure copies in the background: it would fail one that is
 * made now. A growth that Azure has refused holds up nothing, unless the disk is to have another SKU: then it
 * is tried again; or an earlier request for it may still arrive. `volume` is read past the cache.
 */
export function refuseWhileGrowing(volume: AzVolume, sourceUri: string, nowMs: number): Result<void> {
  const { spec, status } = volume;
  const { detail } = status ?? {};
  if (detail === undefined || !mayCopySnapshots(volume)) return ok(undefined);
  const isOver = isGrowthRefused(volume) && spec.modification?.skuName === undefined;
  const askedGiB = isOver ? 0 : spec.disk.sizeGiB;
  const sizeGiB = Math.max(askedGiB, sizeOnItsWay(volume, nowMs) ?? 0);
  if (sizeGiB <= detail.sizeGiB) return ok(undefined);
  const waits = detail.maxShares > 1 ? ", which a shared disk does only while no pod uses it" : "";
  const how =
    askedGiB > detail.sizeGiB ? waits : ", of which a request may still arrive until it is 20 minutes old";
  const what = `its disk to grow to ${sizeGiB} GiB${how}: Azure fails a snapshot that it still copies then`;
  return stillWaiting(sourceUri, what);
}
