import type { Clock } from "../../../ports/clock.ts";

/** What a bounded wait ended with. */
export type Waited<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "timedOut" }
  | { readonly kind: "cancelled" };

/**
 * Waits for `work` at most `limitMs` and until `signal` is aborted, whichever is first. `work` itself
 * continues: its caller still owns it.
 */
export async function waitWithin<T>(
  work: Promise<T>,
  limitMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<Waited<T>> {
  const waitIsOver = new AbortController();
  const end = (): void => waitIsOver.abort();
  // Not AbortSignal.any: a signal that lives long keeps megabytes of the ones that were made of it.
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  const timer = clock.sleep(limitMs, waitIsOver.signal).then(
    (): Waited<T> => ({ kind: "timedOut" }),
    (): Waited<T> => ({ kind: "cancelled" }),
  );
  const done = work.then((value): Waited<T> => ({ kind: "done", value }));
  try {
    return await Promise.race([done, timer]);
  } finally {
    signal.removeEventListener("abort", end);
    end();
  }
}
