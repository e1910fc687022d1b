/** Time as a port: nothing outside `adapters/` reads the wall clock or sleeps. */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch, for timestamps that other processes read. */
  nowMs(): number;
  /** Monotonic milliseconds since an arbitrary start, for durations and deadlines. */
  elapsedMs(): number;
  /** Waits `ms` milliseconds. Rejects with `signal.reason` as soon as `signal` is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** Waits `ms` milliseconds, or until `signal` is aborted, which the caller looks at next. */
export function sleepUnlessAborted(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return clock.sleep(ms, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
