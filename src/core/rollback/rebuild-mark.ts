import {
  annotatedNumber,
  type Lease,
  REBUILD_ANNOTATION,
  rebuildMarkOf,
  STORE_INCARNATION_ANNOTATION,
  storeIncarnationOf,
  VMS_READ_ANNOTATION,
} from "../api/lease.ts";
import { comingIncarnationOf, type HighWaterMark, highWaterMarkOf, isOlder } from "./high-water-mark.ts";

/** What a step changes in the Lease's annotations. */
export type LeaseAnnotations = Readonly<Record<string, string>>;

/** The Lease with these annotations besides its other ones. */
export function withAnnotations(lease: Lease, annotations: LeaseAnnotations = {}): Lease {
  return {
    ...lease,
    metadata: { ...lease.metadata, annotations: { ...lease.metadata.annotations, ...annotations } },
  };
}

/**
 * The mark that every record is to be rebuilt for an incarnation. Undefined where that is done or marked
 * already: a leader that was paused must not request it again.
 */
export function rebuildMark(lease: Lease, incarnation: number): LeaseAnnotations | undefined {
  return Math.max(storeIncarnationOf(lease), rebuildMarkOf(lease)) >= incarnation
    ? undefined
    : { [REBUILD_ANNOTATION]: String(incarnation) };
}

/**
 * The mark that any process sets that remembers more than the Lease shows, leader or not. It names an
 * incarnation that no record of this timeline, or of the lost one, can have. Undefined where the Lease is
 * not older, or is marked already.
 */
export function rollbackMark(lease: Lease, remembered: HighWaterMark): LeaseAnnotations | undefined {
  const shown = highWaterMarkOf(lease);
  if (!isOlder(shown, remembered)) return undefined;
  const coming = comingIncarnationOf(remembered);
  const isLost = comingIncarnationOf(shown) < coming;
  return rebuildMark(lease, (isLost ? coming : remembered.incarnation) + 1);
}

/**
 * The end of a rebuild. Only for the very mark of this rebuild: another leader may have begun the next
 * one, which this must not end.
 */
export function rebuildEnd(lease: Lease, incarnation: number): LeaseAnnotations | undefined {
  return rebuildMarkOf(lease) === incarnation
    ? { [STORE_INCARNATION_ANNOTATION]: String(incarnation), [REBUILD_ANNOTATION]: "0" }
    : undefined;
}

/**
 * The store incarnation for which every node's VM is to be read. Undefined where that is done, while
 * records are being rebuilt, and in the first incarnation, which has lost nothing.
 */
export function incarnationToReadFor(lease: Lease): number | undefined {
  const incarnation = storeIncarnationOf(lease);
  if (rebuildMarkOf(lease) > 0) return undefined;
  return annotatedNumber(lease, VMS_READ_ANNOTATION) < incarnation ? incarnation : undefined;
}

/** The mark that every VM was read for an incarnation. Undefined where the store has another one by now. */
export function vmsReadMark(lease: Lease, incarnation: number): LeaseAnnotations | undefined {
  return incarnationToReadFor(lease) === incarnation
    ? { [VMS_READ_ANNOTATION]: String(incarnation) }
    : undefined;
}
