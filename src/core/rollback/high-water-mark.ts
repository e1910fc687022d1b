import {
  annotatedNumber,
  COUNTER_ANNOTATION,
  type Lease,
  rebuildMarkOf,
  storeIncarnationOf,
} from "../api/lease.ts";

/**
 * How far the store had come when a process last saw it: a counter that never falls within a store
 * incarnation, and the incarnation, which never falls. Zero: nothing seen.
 */
export interface HighWaterMark {
  readonly incarnation: number;
  readonly counter: number;
  /**
   * The highest incarnation for which records were being rebuilt. A Lease that shows neither it nor that mark
   * was rolled back again, perhaps to a moment from which no counter has been raised. Default: none.
   */
  readonly coming?: number;
}

/** The highest incarnation that a process knows of, also one for which records are being rebuilt. */
export function comingIncarnationOf({ incarnation, coming = 0 }: HighWaterMark): number {
  return Math.max(incarnation, coming);
}

export function highWaterMarkOf(lease: Lease): HighWaterMark {
  const coming = rebuildMarkOf(lease);
  return {
    incarnation: storeIncarnationOf(lease),
    counter: annotatedNumber(lease, COUNTER_ANNOTATION),
    ...(coming === 0 ? {} : { coming }),
  };
}

/**
 * Whether the store shows less than is remembered: it was rolled back, or the object that shows it was
 * deleted and recreated. In a later incarnation the counter may be lower, since every record was rebuilt.
 */
export function isOlder(shown: HighWaterMark, remembered: HighWaterMark): boolean {
  return (
    shown.incarnation < remembered.incarnation ||
    comingIncarnationOf(shown) < comingIncarnationOf(remembered) ||
    (shown.incarnation === remembered.incarnation && shown.counter < remembered.counter)
  );
}
