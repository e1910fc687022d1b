import { fail, type Result } from "../core/failure/result.ts";

interface Holder {
  readonly operation: string;
  isWaiting: boolean;
  /** Ends when the concurrent operation has ended; undefined: there was none. */
  concurrent: Promise<unknown> | undefined;
}

/**
 * One operation on a volume at a time, as the CSI specification suggests: a second one answers
 * `OperationInProgress` (ABORTED) at once instead of waiting, and the sidecar retries. Covers one process
 * only; the writer record covers the rest.
 */
export class OperationLock {
  readonly #holders = new Map<string, Holder>();

  /** Runs `act` unless an operation on `volumeId` (compared without case, as Azure does) is under way. */
  async run<T>(volumeId: string, operation: string, act: () => Promise<Result<T>>): Promise<Result<T>> {
    const key = volumeId.toLowerCase();
    const holder = this.#holders.get(key);
    if (holder !== undefined)
      return fail({ kind: "OperationInProgress", volumeId, operation: holder.operation });
    this.#holders.set(key, { operation, isWaiting: false, concurrent: undefined });
    try {
      return await act();
    } finally {
      this.#holders.delete(key);
    }
  }

  /** The same for an operation that may also run while the present one only waits: perhaps for this one. */
  async runConcurrently<T>(
    volumeId: string,
    operation: string,
    act: () => Promise<Result<T>>,
  ): Promise<Result<T>> {
    const holder = this.#holders.get(volumeId.toLowerCase());
    if (holder === undefined || !holder.isWaiting || holder.concurrent !== undefined)
      return this.run(volumeId, operation, act);
    const acting = act();
    holder.concurrent = acting.catch(() => undefined).then(() => (holder.concurrent = undefined));
    return acting;
  }

  /**
   * Runs `wait`, which does nothing to the volume itself, for the present operation, and returns only
   * when a concurrent operation has ended, too.
   */
  async whileWaiting<T>(volumeId: string, wait: () => Promise<T>): Promise<T> {
    const holder = this.#holders.get(volumeId.toLowerCase());
    if (holder === undefined) return wait();
    holder.isWaiting = true;
    try {
      return await wait();
    } finally {
      holder.isWaiting = false;
      await holder.concurrent;
    }
  }
}
