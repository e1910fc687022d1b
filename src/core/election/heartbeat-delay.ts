/**
 * By how much a node may send its heartbeat later than after its own interval, at most, in milliseconds.
 * With more nodes than that is enough for, their heartbeats exceed the aim: a stopped plug-in would
 * otherwise be noticed ever later.
 */
export const HEARTBEAT_DELAY_MAX_MS = 120_000;

/** A delay below one interval of heartbeats saves no write. In milliseconds: the default of a node's. */
const HEARTBEAT_MS = 10_000;

/**
 * The delay of heartbeats by which so many nodes together send at most `perSecondMax` a second, in
 * milliseconds. The leader announces it in its Lease.
 */
export function heartbeatDelayMs(nodes: number, perSecondMax: number): number {
  const delayMs = Math.ceil((nodes * 1_000) / perSecondMax);
  return delayMs <= HEARTBEAT_MS ? 0 : Math.min(delayMs, HEARTBEAT_DELAY_MAX_MS);
}
