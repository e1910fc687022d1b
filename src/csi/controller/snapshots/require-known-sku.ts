import type { AzVolume } from "../../../core/api/az-volume.ts";
import { isDeleting } from "../../../core/attachment/observed-volume.ts";
import { resourceUriKey } from "../../../core/azure/ids/disk-uri.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { stillWaiting } from "../../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../../core/failure/result.ts";
import { mayCopySnapshots } from "../../../core/volume/copies/recent-snapshots.ts";
import { isSnapshotCopied } from "../../../core/volume/disk-sku.ts";
import { changeSpec } from "../../../objects/update-object.ts";
import type { ControllerContext } from "../controller-context.ts";

/**
 * Has a disk read again by its volume's loop where Azure shows a SKU whose snapshots it copies in the
 * background, and the volume does not know it: another client has converted the disk. Fails with
 * `StillWaiting` until it does, since only then a growth and DeleteVolume wait for the snapshot's copy.
 */
export async function requireKnownSku(
  { store, cache }: Pick<ControllerContext, "store" | "cache">,
  { sourceUri, skuName }: { readonly sourceUri: string; readonly skuName: string },
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const [cached] = cache.byIndex("AzVolume", "diskUri", resourceUriKey(sourceUri));
  if (cached === undefined || isKnown(cached, skuName)) return ok(undefined);
  const { name, uid } = cached.metadata;
  const look = (present: AzVolume): AzVolume | undefined =>
    isKnown(present, skuName) || present.spec.modification !== undefined || isDeleting(present)
      ? undefined
      : { ...present, spec: { ...present.spec, modification: {} } };
  const looked = await changeSpec(store, { kind: "AzVolume", name, uid }, look, signal);
  if (!looked.ok && looked.failure.kind !== "ObjectNotFound") return looked;
  return looked.ok && isKnown(looked.value, skuName)
    ? ok(undefined)
    : stillWaiting(sourceUri, `its SKU to be recorded, which another client has changed to ${skuName}`);
}

function isKnown(volume: AzVolume, skuName: string): boolean {
  return volume.status?.detail === undefined || !isSnapshotCopied(skuName) || mayCopySnapshots(volume);
}
