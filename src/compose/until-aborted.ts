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
