import {
  annotatedNumber,
  type Lease,
  rebuildMarkOf,
  storeIncarnationOf,
  VMS_READ_ANNOTATION,
} from "../api/lease.ts";
import type { LeaseAnnotations } from "./rebuild-mark.ts";

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
