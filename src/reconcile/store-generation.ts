import type { Failure } from "../core/failure.ts";
import type { WriterRecord } from "../core/model/az-volume.ts";
import { annotatedNumber, CONTROLLER_LEASE, COUNTER_ANNOTATION, STORE_GENERATION_ANNOTATION, SWEEP_ANNOTATION } from "../core/model/lease.ts";
import { fail, ok, type Result } from "../core/result.ts";
import type { ObjectStore } from "../ports/object-store.ts";
import type { LeaseMemory } from "./lease-memory.ts";

/**
 * The store generation as the store shows it now; zero before any leader was. Fails with `StoreWentBack` while records are being proven
 * anew, or where the Lease is older than this process remembers it: whoever asks was about to trust one.
 */
export async function readStoreGeneration(
  ports: { readonly store: ObjectStore; readonly leaseMemory?: LeaseMemory },
  signal: AbortSignal,
): Promise<Result<number, Failure>> {
  // Before the read: a renewal in between only makes the Lease newer.
  const counterWritten = ports.leaseMemory?.counter ?? 0;
  const lease = await ports.store.get("Lease", CONTROLLER_LEASE, signal);
  if (!lease.ok) return lease.failure.kind === "ObjectNotFound" ? ok(0) : lease;
  const sweep = annotatedNumber(lease.value, SWEEP_ANNOTATION);
  const counter = annotatedNumber(lease.value, COUNTER_ANNOTATION);
  if (counter < counterWritten)
    return fail({ kind: "StoreWentBack", detail: `the controller's Lease is at ${counter}, this controller wrote ${counterWritten}` });
  if (sweep > 0) return fail({ kind: "StoreWentBack", detail: `records are being proven anew for generation ${sweep}` });
  return ok(annotatedNumber(lease.value, STORE_GENERATION_ANNOTATION));
}

/** Whether a record that was just read may be acted on: it is of the store's present generation, and the store is not known to have gone back. Volumes without a record have nothing to trust. */
export async function isTrusted(
  ports: { readonly store: ObjectStore; readonly leaseMemory?: LeaseMemory },
  record: WriterRecord | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const generation = await readStoreGeneration(ports, signal);
  return generation.ok && (record === undefined || record.storeGeneration === generation.value);
}
