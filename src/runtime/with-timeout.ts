import type { Clock } from "../ports/clock.ts";

/** Runs `act` with a signal that is aborted after `limitMs`, or with `signal`. Waits for `act` to end. */
export async function withTimeout<T>(
  clock: Clock,
  limitMs: number,
  act: (signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const ending = new AbortController();
  const done = new AbortController();
  const end = (): void => ending.abort(signal?.reason);
  signal?.addEventListener("abort", end, { once: true });
  if (signal?.aborted === true) end();
  const timer = clock.sleep(limitMs, done.signal).then(
    () => ending.abort("the time is over"),
    () => undefined,
  );
  try {
    return await act(ending.signal);
  } finally {
    signal?.removeEventListener("abort", end);
    done.abort("done");
    await timer;
  }
}
