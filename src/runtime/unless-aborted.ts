/**
 * Awaits work. Rejects with the signal's reason once that is aborted, also where the work has ended by then.
 * The awaited work continues, and what it fails with after that is its owner's to report.
 */
export async function unlessAborted<T>(awaited: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  try {
    // The race handles the later failure of both: a rejection without a handler would end the process.
    return await Promise.race([aborted, awaited]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
