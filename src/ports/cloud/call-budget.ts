/** The state of one group of calls to the platform. */
export interface CallBudgetState {
  /** Calls that the platform counts together, such as `vmWrite`. */
  readonly group: string;
  /** Calls that the whole subscription has left, by this process's count. */
  readonly subscriptionCallsLeft: number;
  /**
   * Calls that the resource with the fewest has left; undefined where resources are not counted, or none
   * was called yet.
   */
  readonly fewestResourceCallsLeft: number | undefined;
  /** How much longer the longest `Retry-After` lasts. */
  readonly blockedMs: number;
  readonly callsTotal: number;
  /** Calls that the platform refused as too many. */
  readonly refusedTotal: number;
  /** Time that calls have waited here to avoid a refusal. */
  readonly waitedMsTotal: number;
}
