import { STORE_ROLLED_BACK } from "../rollback/rollback-reports.ts";

/** The condition of an AzDriverNode: another node has reclaimed a volume that a pod uses here. */
export const RECLAIM_DISPUTED = "ReclaimDisputed";

/** The condition of an AzDriverNode: its root disk takes no change, so that no volume can be staged. */
export const CHECKPOINTS_UNWRITTEN = "CheckpointsUnwritten";

/**
 * The condition of an AzDriverNode: a controller has decided to power its VM off, and may have asked Azure
 * for it. The next heartbeat ends it.
 */
export const POWER_OFF_REQUESTED = "PowerOffRequested";

/** Every condition of an AzDriverNode. */
export const nodeConditionTypes: readonly string[] = [
  STORE_ROLLED_BACK,
  RECLAIM_DISPUTED,
  CHECKPOINTS_UNWRITTEN,
  POWER_OFF_REQUESTED,
];
