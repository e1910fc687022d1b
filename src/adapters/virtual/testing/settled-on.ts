import { invariant } from "../../../core/failure/invariant.ts";
import type { VirtualClock } from "../virtual-clock.ts";

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
