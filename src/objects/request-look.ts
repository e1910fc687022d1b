import type { AzVolume } from "../core/api/az-volume.ts";
import { isDeleting } from "../core/attachment/observed-volume.ts";
import { stillWaiting } from "../core/failure/frequent-failures.ts";
import { ok, type Result } from "../core/failure/result.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";
import { changeSpec, targetOf } from "./update-object.ts";

/** A disk that Azure has just shown otherwise than it is recorded. */
interface ChangedDisk {
  readonly diskUri: string;
  /** What is waited for, such as `otherSku`. */
  readonly change: string;
}

/** What is waited for where the disk has another SKU. */
export function otherSku(skuName: string): string {
  return `its SKU to be recorded, which another client has changed to ${skuName}`;
}

/**
 * Has a volume's disk read again by its loop, which records what another client has changed of it: a
 * modification that asks for nothing. Fails with `StillWaiting` until `isKnown` holds for the volume as the
 * store has it. One that is gone is waited for, too: its next object knows the disk.
 */
export async function requestLook(
  { store }: { readonly store: ObjectStore },
  volume: AzVolume,
  { diskUri, change }: ChangedDisk,
  isKnown: (volume: AzVolume) => boolean,
  signal: AbortSignal,
): Promise<Result<void>> {
  const look = (present: AzVolume): AzVolume | undefined =>
    isKnown(present) || present.spec.modification !== undefined || isDeleting(present)
      ? undefined
      : { ...present, spec: { ...present.spec, modification: {} } };
  const looked = await changeSpec(store, targetOf(volume), look, signal);
  if (!looked.ok && looked.failure.kind !== "ObjectNotFound") return looked;
  return looked.ok && isKnown(looked.value) ? ok(undefined) : stillWaiting(diskUri, change);
}
