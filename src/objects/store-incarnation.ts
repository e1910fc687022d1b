import type { AzVolume, WriterRecord } from "../core/api/az-volume.ts";
import { CONTROLLER_LEASE, type Lease, rebuildMarkOf, storeIncarnationOf } from "../core/api/lease.ts";
import { fail, ok, type Result } from "../core/failure/result.ts";
import { type HighWaterMark, highWaterMarkOf, isOlder } from "../core/rollback/high-water-mark.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";
import type { LeaseHighWaterMark } from "../runtime/election/lease-high-water-mark.ts";

export interface LeaseReadPorts {
  readonly store: Pick<ObjectStore, "get">;
  readonly leaseHighWaterMark: LeaseHighWaterMark;
}

/** The controllers' Lease by an uncached read, and the reason if it is older than this process remembers. */
export interface ComparedLease {
  readonly lease: Lease | undefined;
  readonly older: string | undefined;
}

/** Reads the controllers' Lease, compares it with what this process remembers, and remembers it. */
export async function compareLease(
  { store, leaseHighWaterMark }: LeaseReadPorts,
  signal: AbortSignal,
): Promise<Result<ComparedLease>> {
  // Before the read: a renewal in between only makes the Lease newer.
  const remembered = leaseHighWaterMark.seen;
  const read = await store.get("Lease", CONTROLLER_LEASE, signal);
  if (!read.ok) {
    if (read.failure.kind !== "ObjectNotFound") return read;
    const older =
      remembered.counter === 0 ? undefined : "the controllers' Lease is gone, and not recreated yet";
    return ok({ lease: undefined, older });
  }
  const older = olderLease(read.value, remembered);
  if (older === undefined) leaseHighWaterMark.saw(read.value);
  return ok({ lease: read.value, older });
}

/**
 * The store incarnation that the store shows now; zero before any leader. Fails with `StoreRolledBack`
 * while records are being rebuilt, or where the Lease is older than this process remembers: the caller
 * was about to trust a record.
 */
export async function readStoreIncarnation(
  ports: LeaseReadPorts,
  signal: AbortSignal,
): Promise<Result<number>> {
  const compared = await compareLease(ports, signal);
  if (!compared.ok) return compared;
  const { lease, older } = compared.value;
  if (older !== undefined) return fail({ kind: "StoreRolledBack", detail: older });
  const mark = rebuildMarkOf(lease);
  if (mark > 0)
    return fail({ kind: "StoreRolledBack", detail: `records are being rebuilt for incarnation ${mark}` });
  return ok(storeIncarnationOf(lease));
}

function olderLease(lease: Lease, remembered: HighWaterMark): string | undefined {
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
  ports: LeaseReadPorts,
  record: WriterRecord | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const incarnation = await readStoreIncarnation(ports, signal);
  return incarnation.ok && (record === undefined || record.storeIncarnation === incarnation.value);
}

/** Whether the record of this very volume, read past the cache, allows something now, and may be acted on. */
export async function recordAllows(
  ports: LeaseReadPorts,
  { metadata: { name, uid } }: AzVolume,
  allows: (record: WriterRecord | undefined) => boolean,
  signal: AbortSignal,
): Promise<boolean> {
  const fresh = await ports.store.get("AzVolume", name, signal);
  if (!fresh.ok || fresh.value.metadata.uid !== uid) return false;
  const record = fresh.value.status?.record;
  return allows(record) && (await isTrusted(ports, record, signal));
}
