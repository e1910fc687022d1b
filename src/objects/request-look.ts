import type { AzVolume } from "../core/api/az-volume.ts";
import { isDeleting } from "../core/attachment/observed-volume.ts";
import type { Failure } from "../core/failure/failure.ts";
import { stillWaiting } from "../core/failure/frequent-failures.ts";
import { ok, type Result } from "../core/failure/result.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";
import { changeSpec } from "./update-object.ts";

/** A disk as Azure has just shown it. */
interface ShownDisk {
  readonly diskUri: string;
  readonly skuName: string;
}

/**
 * Has a volume's disk read again by its loop, which records what another client has changed of it: a
 * modification that asks for nothing. Fails with `StillWaiting` until `isKnown` holds for the volume as the
 * store has it. One that is gone is waited for, too: its next object knows the disk.
 */
export async function requestLook(
  { store }: { readonly store: ObjectStore },
  { metadata: { name, uid } }: AzVolume,
  { diskUri, skuName }: ShownDisk,
  isKnown: (volume: AzVolume) => boolean,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const look = (present: AzVolume): AzVolume | undefined =>
    isKnown(present) || present.spec.modification !== undefined || isDeleting(present)
      ? undefined
      : { ...present, spec: { ...present.spec, modification: {} } };
  const looked = await changeSpec(store, { kind: "AzVolume", name, uid }, look, signal);
  if (!looked.ok && looked.failure.kind !== "ObjectNotFound") return looked;
  return looked.ok && isKnown(looked.value)
    ? ok(undefined)
    : stillWaiting(diskUri, `its SKU to be recorded, which another client has changed to ${skuName}`);
}
