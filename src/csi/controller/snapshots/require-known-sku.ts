import type { AzVolume } from "../../../core/api/az-volume.ts";
import { resourceUriKey } from "../../../core/azure/ids/disk-uri.ts";
import { ok, type Result } from "../../../core/failure/result.ts";
import { mayCopySnapshots } from "../../../core/volume/copies/recent-snapshots.ts";
import { isSnapshotCopied } from "../../../core/volume/disk-sku.ts";
import { otherSku, requestLook } from "../../../objects/request-look.ts";
import type { ControllerContext } from "../controller-context.ts";

/**
 * Waits with a snapshot where Azure shows a SKU whose snapshots it copies in the background, and the volume
 * does not know it: another client has converted the disk. Fails with `StillWaiting` until it does, since
 * only then a growth and DeleteVolume wait for the snapshot's copy.
 */
export async function requireKnownSku(
  { store, cache }: ControllerContext,
  { sourceUri, skuName }: { readonly sourceUri: string; readonly skuName: string },
  signal: AbortSignal,
): Promise<Result<void>> {
  const [cached] = cache.byIndex("AzVolume", "diskUri", resourceUriKey(sourceUri));
  const isKnown = (volume: AzVolume): boolean =>
    volume.status?.detail === undefined || !isSnapshotCopied(skuName) || mayCopySnapshots(volume);
  return cached === undefined || isKnown(cached)
    ? ok(undefined)
    : requestLook({ store }, cached, { diskUri: sourceUri, change: otherSku(skuName) }, isKnown, signal);
}
