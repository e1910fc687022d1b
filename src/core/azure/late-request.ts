import { parseTimestamp } from "../primitives/timestamp.ts";

/**
 * How long after it was sent a request may still take effect in Azure, in milliseconds: its process may have
 * stopped without an answer, or be paused before it is on its way. No source bounds that. An operation of
 * disks and snapshots is given up after 15 minutes (`operationMaxMs`).
 */
export const LATE_REQUEST_MS = 1_200_000;

/**
 * Whether a request that was noted at a time may still take effect. The clocks of two controllers may differ.
 * A time far ahead, or one that is none, counts for nothing.
 */
export function mayArrive(time: string, nowMs: number): boolean {
  const sentAtMs = parseTimestamp(time);
  return sentAtMs !== undefined && Math.abs(nowMs - sentAtMs) < LATE_REQUEST_MS;
}
