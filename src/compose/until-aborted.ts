/** Resolves when `signal` is aborted. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/**
 * Runs side by side what ends only by its signal, and waits for all of it; an end by that signal is no
 * error. If one fails, the others are aborted, and its error is thrown once they have ended.
 */
export async function untilEnded(
  signal: AbortSignal,
  ...runs: readonly ((signal: AbortSignal) => Promise<void>)[]
): Promise<void> {
  const failing = new AbortController();
  const ending = AbortSignal.any([signal, failing.signal]);
  const ends = await Promise.allSettled(
    runs.map(async (run) => {
      try {
        await run(ending);
      } catch (error) {
        failing.abort(error);
        throw error;
      }
    }),
  );
  const failed = ends.find((end) => end.status === "rejected");
  if (failed !== undefined && !signal.aborted) throw failing.signal.reason;
}

/**
 * Begins runs that the rest of a role's start needs, and returns the run of `untilEnded` that they then are:
 * it fails with them, and ends them once its signal is aborted, which is also when a later run fails.
 */
export function startedEarly(
  signal: AbortSignal,
  ...runs: readonly ((signal: AbortSignal) => Promise<void>)[]
): (signal: AbortSignal) => Promise<void> {
  const ending = new AbortController();
  const running = untilEnded(AbortSignal.any([signal, ending.signal]), ...runs);
  return async (later) => {
    const end = (): void => ending.abort(later.reason);
    if (later.aborted) end();
    else later.addEventListener("abort", end, { once: true });
    await running;
  };
}
