import type { Clock } from "../ports/clock.ts";

/** Runs `act` with a signal that is also aborted once `limitMs` are over. Waits for `act` to end by it. */
export async function within<T>(clock: Clock, limitMs: number, act: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  const over = new AbortController();
  const done = new AbortController();
  const timer = clock.sleep(limitMs, AbortSignal.any([signal, done.signal])).then(
    () => over.abort(),
    () => undefined,
  );
  try {
    return await act(AbortSignal.any([signal, over.signal]));
  } finally {
    done.abort();
    await timer;
  }
}
