/**
 * What this process last wrote into the controller's Lease: a Lease that shows less went back to a backup. Never kept longer than the process, so a
 * controller that starts after the store went back relies on what the nodes report.
 */
export class LeaseMemory {
  #counter = 0;

  /** The highest counter written; zero if this process never renewed the Lease. */
  get counter(): number {
    return this.#counter;
  }

  /** A renewal was written. */
  wrote(counter: number): void {
    this.#counter = Math.max(this.#counter, counter);
  }
}
