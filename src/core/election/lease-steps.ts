import {
  annotatedNumber,
  COUNTER_ANNOTATION,
  ETAG_WRITE_ANNOTATION,
  etagWriteOf,
  HEARTBEAT_DELAY_ANNOTATION,
  type Lease,
  STORE_INCARNATION_ANNOTATION,
  REBUILD_ANNOTATION,
} from "../api/lease.ts";
import { type EtagWrite, largerEtagWrite } from "../azure/etag-write.ts";
import { toTimestamp } from "../primitives/timestamp.ts";
import {
  comingIncarnationOf,
  type HighWaterMark,
  highWaterMarkOf,
  isOlder,
} from "../rollback/high-water-mark.ts";
import { type LeaseAnnotations, rollbackMark, withAnnotations } from "../rollback/rebuild-mark.ts";

/** A candidate that writes the Lease, and what it knows. */
export interface LeaseWriter {
  readonly identity: string;
  /** For how long other candidates respect each renewal, in milliseconds. */
  readonly leaseDurationMs: number;
  readonly nowMs: number;
  readonly remembered: HighWaterMark;
  /** The kind of write that moves a VM's ETag, as far as this process knows. */
  readonly etagWrite: EtagWrite;
  /** By how much nodes may send their heartbeats later, in milliseconds. */
  readonly heartbeatDelayMs: number;
}

/** The Lease after its new holder acquires it from any earlier holder. */
export function acquiredLease(lease: Lease, writer: LeaseWriter): Lease {
  return writtenLease(lease, writer, {
    holderIdentity: writer.identity,
    leaseTransitions: lease.spec.leaseTransitions + 1,
  });
}

/** The Lease as its holder renews it. */
export function renewedLease(lease: Lease, writer: LeaseWriter): Lease {
  return writtenLease(lease, writer, {});
}

/** The Lease after its holder releases it: another candidate may acquire it at once. */
export function releasedLease(lease: Lease, writer: LeaseWriter): Lease {
  return writtenLease(lease, writer, { holderIdentity: "", leaseDurationSeconds: 1 });
}

/**
 * The first Lease of a store, or one after the Lease was deleted. `incarnationOfRecords`: the highest
 * store incarnation of a writer record; undefined without records. Records without a Lease may come from
 * a backup, so they are rebuilt.
 */
export function newLease(
  writer: LeaseWriter,
  incarnationOfRecords: number | undefined,
): Pick<Lease, "spec"> & { readonly metadata: { readonly annotations: LeaseAnnotations } } {
  const { remembered } = writer;
  const incarnation = Math.max(remembered.incarnation, incarnationOfRecords ?? 0);
  const coming = Math.max(incarnation, comingIncarnationOf(remembered)) + 1;
  const annotations = {
    [COUNTER_ANNOTATION]: String(remembered.counter + 1),
    [STORE_INCARNATION_ANNOTATION]: String(incarnation),
    ...(incarnationOfRecords === undefined ? {} : { [REBUILD_ANNOTATION]: String(coming) }),
    ...etagWriteAnnotation(writer.etagWrite),
    ...heartbeatDelayAnnotation(0, writer),
  };
  const spec = { holderIdentity: writer.identity, ...renewalTimes(writer), leaseTransitions: 0 };
  return { metadata: { annotations }, spec };
}

function writtenLease(lease: Lease, writer: LeaseWriter, changes: Partial<Lease["spec"]>): Lease {
  const spec = { ...lease.spec, ...renewalTimes(writer), ...changes };
  return { ...withAnnotations(lease, renewal(lease, writer)), spec };
}

/** Leases count in whole seconds: rounded up, so that no candidate acquires it early. */
function renewalTimes(writer: LeaseWriter): Pick<Lease["spec"], "leaseDurationSeconds" | "renewTime"> {
  return {
    leaseDurationSeconds: Math.ceil(writer.leaseDurationMs / 1_000),
    renewTime: toTimestamp(writer.nowMs),
  };
}

function renewal(lease: Lease, writer: LeaseWriter): LeaseAnnotations {
  const { remembered, etagWrite } = writer;
  const shown = highWaterMarkOf(lease);
  const highest = isOlder(shown, remembered) ? Math.max(shown.counter, remembered.counter) : shown.counter;
  return {
    [COUNTER_ANNOTATION]: String(highest + 1),
    ...rollbackMark(lease, remembered),
    ...etagWriteAnnotation(largerEtagWrite(etagWrite, etagWriteOf(lease))),
    ...heartbeatDelayAnnotation(annotatedNumber(lease, HEARTBEAT_DELAY_ANNOTATION), writer),
  };
}

function heartbeatDelayAnnotation(shownMs: number, { heartbeatDelayMs }: LeaseWriter): LeaseAnnotations {
  return heartbeatDelayMs === shownMs ? {} : { [HEARTBEAT_DELAY_ANNOTATION]: String(heartbeatDelayMs) };
}

function etagWriteAnnotation(write: EtagWrite): LeaseAnnotations {
  return write === "empty" ? {} : { [ETAG_WRITE_ANNOTATION]: write };
}
