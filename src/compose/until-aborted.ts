/** Resolves when `signal` is aborted. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Runs something that ends only by its signal; an end by that signal is no error. */
export async function untilEnded(signal: AbortSignal, run: (signal: AbortSignal) => Promise<void>): Promise<void> {
  try {
    await run(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
