import type { WriterRecord } from "../core/api/az-volume.ts";
import {
  annotatedNumber,
  CONTROLLER_LEASE,
  STORE_INCARNATION_ANNOTATION,
  REBUILD_ANNOTATION,
} from "../core/api/lease.ts";
import { isOlderThan, rememberedOf } from "../core/election/lease-steps.ts";
import type { Failure } from "../core/failure/failure.ts";
import { fail, ok, type Result } from "../core/failure/result.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";
import type { LeaseHighWaterMark } from "../runtime/election/lease-high-water-mark.ts";

/**
 * The store incarnation as the store shows it now; zero before any leader was. Fails with `StoreRolledBack`
 * while records are being proven anew, or where the Lease is older than this process remembers it: whoever
 * asks was about to trust one.
 */
export async function readStoreIncarnation(
  ports: { readonly store: ObjectStore; readonly leaseMemory?: LeaseHighWaterMark },
  signal: AbortSignal,
): Promise<Result<number, Failure>> {
  // Before the read: a renewal in between only makes the Lease newer.
  const remembered = ports.leaseMemory?.seen ?? { generation: 0, counter: 0 };
  const lease = await ports.store.get("Lease", CONTROLLER_LEASE, signal);
  if (!lease.ok) {
    if (lease.failure.kind !== "ObjectNotFound") return lease;
    return remembered.counter === 0
      ? ok(0)
      : fail({ kind: "StoreRolledBack", detail: "the controllers' Lease is gone, and not made anew yet" });
  }
  if (isOlderThan(lease.value, remembered)) {
    const shown = rememberedOf(lease.value);
    const detail = `the controllers' Lease is at ${shown.counter} of generation ${shown.generation}, this controller has seen ${remembered.counter} of ${remembered.generation}`;
    return fail({ kind: "StoreRolledBack", detail });
  }
  const sweep = annotatedNumber(lease.value, REBUILD_ANNOTATION);
  if (sweep > 0)
    return fail({ kind: "StoreRolledBack", detail: `records are being proven anew for generation ${sweep}` });
  return ok(annotatedNumber(lease.value, STORE_INCARNATION_ANNOTATION));
}

/**
 * Whether a record that was just read may be acted on: it is of the store's present generation, and the
 * store is not known to have gone back. Volumes without a record have nothing to trust.
 */
export async function isTrusted(
  ports: { readonly store: ObjectStore; readonly leaseMemory?: LeaseHighWaterMark },
  record: WriterRecord | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const generation = await readStoreIncarnation(ports, signal);
  return generation.ok && (record === undefined || record.storeIncarnation === generation.value);
}
