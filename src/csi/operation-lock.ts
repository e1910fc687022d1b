import type { Failure } from "../core/failure.ts";
import type { Result } from "../core/result.ts";
import { fail } from "../core/result.ts";

/**
 * One operation on a volume at a time, as the CSI specification suggests: a second one answers `OperationInProgress` (ABORTED) at once instead of
 * waiting, and the sidecar comes back. Guards one process only; the writer record guards the rest.
 */
export class OperationLock {
  readonly #holders = new Map<string, string>();

  /** Runs `act` unless an operation on `volumeId` (compared without case, as Azure does) is under way. */
  async run<T>(volumeId: string, operation: string, act: () => Promise<Result<T, Failure>>): Promise<Result<T, Failure>> {
    const key = volumeId.toLowerCase();
    const holder = this.#holders.get(key);
    if (holder !== undefined) return fail({ kind: "OperationInProgress", volumeId, operation: holder });
    this.#holders.set(key, operation);
    try {
      return await act();
    } finally {
      this.#holders.delete(key);
    }
  }
}
