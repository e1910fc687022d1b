import { annotatedNumber, COUNTER_ANNOTATION, type Lease, storeIncarnationOf } from "../api/lease.ts";

/**
 * How far the store had come when a process last saw it: a counter that never falls within a store
 * incarnation, and the incarnation, which never falls. Zero: nothing seen.
 */
export interface HighWaterMark {
  readonly incarnation: number;
  readonly counter: number;
}

/** The mark that a Lease shows. */
export function highWaterMarkOf(lease: Lease): HighWaterMark {
  return { incarnation: storeIncarnationOf(lease), counter: annotatedNumber(lease, COUNTER_ANNOTATION) };
}

/**
 * Whether the store shows less than is remembered: it was rolled back, or the object that shows it was
 * deleted and recreated. In a later incarnation the counter may be lower, since every record was rebuilt.
 */
export function isOlder(shown: HighWaterMark, remembered: HighWaterMark): boolean {
  return (
    shown.incarnation < remembered.incarnation ||
    (shown.incarnation === remembered.incarnation && shown.counter < remembered.counter)
  );
}
