/** The loop's name, by which an alert finds it in the metrics. */
export const RECOVERY_LOOP = "recovery";
/**
 * The shortest time between recoveries, in milliseconds, and the longest before one that has failed is
 * repeated. Calls for a disk without an object do not wait for a recovery.
 */
export const RECOVERY_INTERVAL_MIN_MS = 600_000;
/** For each page that a recovery lists: 60 calls an hour. */
const PER_PAGE_MS = 60_000;
/** At most: replicas that a person detaches are noticed by no other loop. 12,000 disks are listed by then. */
const AT_MOST_MS = 7_200_000;
/** Disks on a page of Azure's list; not documented. */
const PAGE_SIZE = 100;

/**
 * The time from the end of one recovery to the next, in milliseconds, by the lengths of the lists that it
 * read, one for each resource group.
 */
export function recoveryIntervalMs(lengths: readonly number[]): number {
  const pages = lengths.reduce((sum, length) => sum + Math.max(1, Math.ceil(length / PAGE_SIZE)), 0);
  return Math.min(AT_MOST_MS, Math.max(RECOVERY_INTERVAL_MIN_MS, pages * PER_PAGE_MS));
}
