import { type Lane, compareLanes } from "./lane.ts";

/** What the choice of a batch reads of a waiting request. */
export interface Waiting {
  readonly lane: Lane;
  /** Grows with arrival. */
  readonly sequence: number;
  readonly diskKey: string;
}

/** Upper limit for one update of a VM: more disks than any VM takes, attached and detached. */
export const BATCH_MAX = 128;

/**
 * Which waiting requests join the next update of a VM: the most urgent first, then by arrival. Of each
 * disk only the first to arrive, since an attach and a detach of one disk can't share an update.
 */
export function planBatch<W extends Waiting>(waiting: readonly W[]): readonly W[] {
  const byArrival = [...waiting].sort((left, right) => left.sequence - right.sequence);
  const firstOfDisk = byArrival.filter(
    (request, index) => byArrival.findIndex((other) => other.diskKey === request.diskKey) === index,
  );
  return firstOfDisk
    .sort((left, right) => compareLanes(left.lane, right.lane) || left.sequence - right.sequence)
    .slice(0, BATCH_MAX);
}

/** Splits a failed batch to isolate the disk at fault: into `suspects`, or else into halves. */
export function splitBatch<W>(
  batch: readonly W[],
  isSuspect: (request: W) => boolean,
): readonly (readonly W[])[] {
  const suspects = batch.filter(isSuspect);
  if (suspects.length > 0 && suspects.length < batch.length)
    return [batch.filter((request) => !isSuspect(request)), suspects];
  const half = Math.ceil(batch.length / 2);
  return [batch.slice(0, half), batch.slice(half)];
}
