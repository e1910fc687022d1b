/**
 * The highest epoch, counter or incarnation that an object may show: far above what counting reaches,
 * exact as a JSON number, with room to increment.
 */
export const COUNTER_MAX = 2 ** 52;

/**
 * How far an epoch that a node reports may be above the record's. A restored backup lacks the grants made
 * since: a million is one a second for more than a week. Anything beyond is a damaged file or a lie.
 */
export const EPOCH_AHEAD_MAX = 1_000_000;

/** Whether a node may have seen such an epoch, given the record's epoch. */
export function isEpochWithinReach(epoch: number, recorded: number): boolean {
  return epoch <= Math.min(recorded + EPOCH_AHEAD_MAX, COUNTER_MAX - EPOCH_AHEAD_MAX);
}

/** The highest of the record's epoch and the reported ones, without those out of reach. */
export function highestEpoch(recorded: number, reported: readonly number[]): number {
  return Math.max(recorded, ...reported.filter((epoch) => isEpochWithinReach(epoch, recorded)));
}

/** How many volumes a node may report in its checkpoints: a VM has no more than a few dozen disks. */
export const CHECKPOINTED_VOLUMES_MAX = 256;
