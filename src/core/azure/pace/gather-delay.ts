/** How long a VM's next update waits for further requests. */
export interface GatherLimits {
  /**
   * Requests that follow each other within this time, in milliseconds, form one update. A request that
   * is alone does not wait.
   */
  readonly quietMs: number;
  /** Longest wait of one update, in milliseconds. 0: no update waits, and none takes latecomers. */
  readonly maxMs: number;
}

/** What is known of the requests for a VM's next update. */
export interface Gathering {
  /** Since when the update could have begun, in milliseconds. */
  readonly elapsedMs: number;
  /** Since the last request has arrived, in milliseconds. */
  readonly sinceArrivalMs: number;
  /** Requests that wait for this update, or have already begun it. */
  readonly requests: number;
  /** Requests that a call to Azure still delays: they arrive once it is answered. */
  readonly announced: number;
  /**
   * Whether a further request of the same VM is on its way, and may arrive soon or fail before. Costs a plan
   * of each attachment of the node, so it is asked only where it decides.
   */
  readonly isOtherExpected: () => boolean;
  /** Whether one of the requests has the lane `failover`. */
  readonly isFailover: boolean;
}

/**
 * How long the next update of a VM waits for more requests, in milliseconds; 0: it starts. Azure takes as
 * long for one disk as for many, and accepts few updates of a VM a minute: a request that leaves alone
 * makes all others of its burst wait for a second update. A request of the lane `failover` never
 * waits, and neither does one without a sign of others.
 */
export function gatherDelayMs(limits: GatherLimits, gathering: Gathering): number {
  const leftMs = Math.max(0, limits.maxMs - gathering.elapsedMs);
  if (gathering.isFailover) return 0;
  if (gathering.announced > 0) return leftMs;
  const isBurst = gathering.requests > 1 || gathering.isOtherExpected();
  return isBurst ? Math.min(leftMs, Math.max(0, limits.quietMs - gathering.sinceArrivalMs)) : 0;
}
