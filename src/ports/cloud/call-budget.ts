/** How one group of calls to the platform stands. */
export interface CallBudgetState {
  /** Calls that the platform counts together, such as `vmWrite`. */
  readonly group: string;
  /** Calls that the whole subscription has left, as far as we know. */
  readonly subscriptionCallsLeft: number;
  /**
   * Calls that the resource with the fewest has left; undefined where resources are not counted, or none
   * has been called.
   */
  readonly fewestResourceCallsLeft: number | undefined;
  /** How much longer the longest `Retry-After` lasts. */
  readonly blockedMs: number;
  readonly callsTotal: number;
  /** Calls that the platform refused as too many. */
  readonly refusedTotal: number;
  /** Time that calls have waited here so as not to be refused there. */
  readonly waitedMsTotal: number;
}
