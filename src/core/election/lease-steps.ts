import {
  annotatedNumber,
  COUNTER_ANNOTATION,
  ETAG_WRITE_ANNOTATION,
  etagWriteOf,
  type Lease,
  STORE_INCARNATION_ANNOTATION,
  REBUILD_ANNOTATION,
} from "../api/lease.ts";
import { type EtagWrite, largerEtagWrite } from "../azure/etag-write.ts";
import { toTimestamp } from "../primitives/timestamp.ts";

/**
 * What a process has seen in the Lease: its counter never falls within a store incarnation, and
 * incarnations never fall. Zero: nothing seen.
 */
export interface HighWaterMark {
  readonly generation: number;
  readonly counter: number;
}

/** A candidate that writes the Lease, and what it knows. */
export interface LeaseWriter {
  readonly identity: string;
  /** For how long other candidates respect each renewal, in milliseconds. */
  readonly leaseDurationMs: number;
  readonly nowMs: number;
  readonly remembered: HighWaterMark;
  /** The kind of write that moves a VM's ETag, as far as this process knows. */
  readonly etagWrite: EtagWrite;
}

/** The counter and incarnation that a Lease shows. */
export function rememberedOf(lease: Lease): HighWaterMark {
  return {
    generation: annotatedNumber(lease, STORE_INCARNATION_ANNOTATION),
    counter: annotatedNumber(lease, COUNTER_ANNOTATION),
  };
}

/**
 * Whether a Lease is older than what is remembered: the store was rolled back, or the Lease was deleted
 * and recreated.
 */
export function isOlderThan(lease: Lease, remembered: HighWaterMark): boolean {
  const { generation, counter } = rememberedOf(lease);
  return (
    generation < remembered.generation ||
    (generation === remembered.generation && counter < remembered.counter)
  );
}

/** Whether the Lease is older than what is remembered and does not carry the rebuild mark yet. */
export function needsMark(lease: Lease, remembered: HighWaterMark): boolean {
  return (
    isOlderThan(lease, remembered) && annotatedNumber(lease, REBUILD_ANNOTATION) <= remembered.generation
  );
}

/**
 * The Lease with the mark that every record is to be rebuilt. Any process that remembers more than the
 * Lease shows may set it.
 */
export function markedLease(lease: Lease, remembered: HighWaterMark): Lease {
  return withAnnotations(lease, markFor(lease, remembered));
}

/** The Lease after its new holder acquires it from any earlier holder. */
export function takenLease(lease: Lease, writer: LeaseWriter): Lease {
  const spec = {
    holderIdentity: writer.identity,
    leaseDurationSeconds: seconds(writer.leaseDurationMs),
    renewTime: toTimestamp(writer.nowMs),
    leaseTransitions: lease.spec.leaseTransitions + 1,
  };
  return { ...withAnnotations(lease, renewal(lease, writer)), spec };
}

/** The Lease as its holder renews it. */
export function renewedLease(lease: Lease, writer: LeaseWriter): Lease {
  const spec = {
    ...lease.spec,
    leaseDurationSeconds: seconds(writer.leaseDurationMs),
    renewTime: toTimestamp(writer.nowMs),
  };
  return { ...withAnnotations(lease, renewal(lease, writer)), spec };
}

/** The Lease after its holder releases it: another candidate may acquire it at once. */
export function releasedLease(lease: Lease, writer: LeaseWriter): Lease {
  const spec = {
    ...lease.spec,
    holderIdentity: "",
    leaseDurationSeconds: 1,
    renewTime: toTimestamp(writer.nowMs),
  };
  return { ...withAnnotations(lease, renewal(lease, writer)), spec };
}

/**
 * The first Lease of a store, or one after the Lease was deleted. `incarnationOfRecords`: the highest
 * store incarnation of a writer record; undefined without records. Records without a Lease may come from
 * a backup, so they are rebuilt.
 */
export function newLease(
  writer: LeaseWriter,
  incarnationOfRecords: number | undefined,
): Pick<Lease, "spec"> & { readonly metadata: NewMetadata } {
  const generation = Math.max(writer.remembered.generation, incarnationOfRecords ?? 0);
  const annotations = {
    [COUNTER_ANNOTATION]: String(writer.remembered.counter + 1),
    [STORE_INCARNATION_ANNOTATION]: String(generation),
    ...(incarnationOfRecords === undefined ? {} : { [REBUILD_ANNOTATION]: String(generation + 1) }),
    ...etagWriteAnnotation(writer.etagWrite),
  };
  const spec = {
    holderIdentity: writer.identity,
    leaseDurationSeconds: seconds(writer.leaseDurationMs),
    renewTime: toTimestamp(writer.nowMs),
    leaseTransitions: 0,
  };
  return { metadata: { annotations }, spec };
}

type NewMetadata = { readonly annotations: Readonly<Record<string, string>> };

function renewal(lease: Lease, { remembered, etagWrite }: LeaseWriter): Readonly<Record<string, string>> {
  const { generation, counter } = rememberedOf(lease);
  const highest = generation > remembered.generation ? counter : Math.max(counter, remembered.counter);
  const mark = isOlderThan(lease, remembered) ? markFor(lease, remembered) : {};
  return {
    [COUNTER_ANNOTATION]: String(highest + 1),
    ...mark,
    ...etagWriteAnnotation(largerEtagWrite(etagWrite, etagWriteOf(lease))),
  };
}

function etagWriteAnnotation(write: EtagWrite): Readonly<Record<string, string>> {
  return write === "empty" ? {} : { [ETAG_WRITE_ANNOTATION]: write };
}

/** An incarnation that no record of this timeline, or of the lost one, can have. */
function markFor(lease: Lease, remembered: HighWaterMark): Readonly<Record<string, string>> {
  const next = Math.max(rememberedOf(lease).generation, remembered.generation) + 1;
  return { [REBUILD_ANNOTATION]: String(Math.max(annotatedNumber(lease, REBUILD_ANNOTATION), next)) };
}

function withAnnotations(lease: Lease, annotations: Readonly<Record<string, string>>): Lease {
  return {
    ...lease,
    metadata: { ...lease.metadata, annotations: { ...lease.metadata.annotations, ...annotations } },
  };
}

/** Leases count in whole seconds: rounded up, so that no candidate acquires it early. */
function seconds(ms: number): number {
  return Math.ceil(ms / 1_000);
}
