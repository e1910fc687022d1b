import type { WriterRecord } from "../core/api/az-volume.ts";
import { CONTROLLER_LEASE, type Lease, rebuildMarkOf, storeIncarnationOf } from "../core/api/lease.ts";
import type { Failure } from "../core/failure/failure.ts";
import { fail, ok, type Result } from "../core/failure/result.ts";
import { type HighWaterMark, highWaterMarkOf, isOlder } from "../core/rollback/high-water-mark.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";
import type { LeaseHighWaterMark } from "../runtime/election/lease-high-water-mark.ts";

/**
 * The store incarnation that the store shows now; zero before any leader. Fails with `StoreRolledBack`
 * while records are being rebuilt, or where the Lease is older than this process remembers: the caller
 * was about to trust a record.
 */
export async function readStoreIncarnation(
  ports: { readonly store: ObjectStore; readonly leaseMemory: LeaseHighWaterMark },
  signal: AbortSignal,
): Promise<Result<number, Failure>> {
  // Before the read: a renewal in between only makes the Lease newer.
  const remembered = ports.leaseMemory.seen;
  const lease = await ports.store.get("Lease", CONTROLLER_LEASE, signal);
  if (!lease.ok) {
    if (lease.failure.kind !== "ObjectNotFound") return lease;
    return remembered.counter === 0
      ? ok(0)
      : fail({ kind: "StoreRolledBack", detail: "the controllers' Lease is gone, and not recreated yet" });
  }
  const detail = olderLease(lease.value, remembered);
  if (detail !== undefined) return fail({ kind: "StoreRolledBack", detail });
  ports.leaseMemory.saw(lease.value);
  const mark = rebuildMarkOf(lease.value);
  if (mark > 0)
    return fail({ kind: "StoreRolledBack", detail: `records are being rebuilt for incarnation ${mark}` });
  return ok(storeIncarnationOf(lease.value));
}

/** Returns the reason if an uncached read shows an older Lease than this process remembers from before it. */
export function olderLease(lease: Lease, remembered: HighWaterMark): string | undefined {
  const shown = highWaterMarkOf(lease);
  if (!isOlder(shown, remembered)) return undefined;
  return (
    `the controllers' Lease is at ${shown.counter} of incarnation ${shown.incarnation}, ` +
    `this process has seen ${remembered.counter} of ${remembered.incarnation}`
  );
}

/**
 * Whether a record that was just read may be acted on: it has the store's present incarnation, and no
 * rollback is known. Volumes without a record need no trust.
 */
export async function isTrusted(
  ports: { readonly store: ObjectStore; readonly leaseMemory: LeaseHighWaterMark },
  record: WriterRecord | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const incarnation = await readStoreIncarnation(ports, signal);
  return incarnation.ok && (record === undefined || record.storeIncarnation === incarnation.value);
}
