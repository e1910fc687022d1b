/**
 * How long after it was sent a request may still take effect in Azure, in milliseconds: its process may have
 * stopped without an answer, or be paused before it is on its way. No source bounds that. An operation of
 * disks and snapshots is given up after 15 minutes (`operationMaxMs`).
 */
export const LATE_REQUEST_MS = 1_200_000;
