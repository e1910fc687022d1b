import type { VirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { invariant } from "../../core/failure/invariant.ts";
import type { Result } from "../../core/failure/result.ts";
import { valueOf } from "../../core/testing/value-of.ts";

/** Longer than any wait of what is tested, in milliseconds of virtual time. */
export const LIMIT_MS = 3_600_000;

/** Lets time pass until the promise has settled. */
export async function settledOn<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const mark = (): void => {
    isSettled = true;
  };
  promise.then(mark, mark);
  invariant(await clock.runUntil(() => isSettled, LIMIT_MS), "no answer within an hour");
  return promise;
}

/**
 * The value of a call that a test expects to succeed. One of the store has no delay without simulated faults:
 * no time needs to pass.
 */
export async function must<T>(promise: Promise<Result<T>>): Promise<T> {
  return valueOf(await promise);
}
