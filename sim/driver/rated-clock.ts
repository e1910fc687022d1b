import type { Clock } from "../../src/ports/clock.ts";

/** A clock that runs too fast or too slow. */
export interface RatedClock extends Clock {
  /** 1.1 is a tenth too fast, from now on. */
  setRate(rate: number): void;
}

/** A process' own monotonic clock over the world's; its wall clock is the world's. */
export function createRatedClock(clock: Clock, initialRate = 1): RatedClock {
  let rate = initialRate;
  let since = { worldMs: clock.elapsedMs(), ownMs: clock.elapsedMs() };
  const elapsedMs = (): number => since.ownMs + (clock.elapsedMs() - since.worldMs) * rate;
  return {
    nowMs: clock.nowMs,
    elapsedMs,
    sleep: (ms, signal) => clock.sleep(ms / rate, signal),
    setRate: (next) => {
      since = { worldMs: clock.elapsedMs(), ownMs: elapsedMs() };
      rate = next;
    },
  };
}
