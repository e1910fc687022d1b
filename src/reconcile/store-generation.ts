import type { Failure } from "../core/failure.ts";
import { annotatedNumber, CONTROLLER_LEASE, STORE_GENERATION_ANNOTATION, SWEEP_ANNOTATION } from "../core/model/lease.ts";
import { fail, ok, type Result } from "../core/result.ts";
import type { ObjectStore } from "../ports/object-store.ts";

/**
 * The store generation as the store shows it now; zero before any leader was. Fails with `StoreWentBack` while records are being proven
 * anew: whoever asks was about to trust one.
 */
export async function readStoreGeneration(store: ObjectStore, signal: AbortSignal): Promise<Result<number, Failure>> {
  const lease = await store.get("Lease", CONTROLLER_LEASE, signal);
  if (!lease.ok) return lease.failure.kind === "ObjectNotFound" ? ok(0) : lease;
  const sweep = annotatedNumber(lease.value, SWEEP_ANNOTATION);
  if (sweep > 0) return fail({ kind: "StoreWentBack", detail: `records are being proven anew for generation ${sweep}` });
  return ok(annotatedNumber(lease.value, STORE_GENERATION_ANNOTATION));
}
