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
  const timer = clock.sleep(limitMs, AbortSignal.any([signal, waitIsOver.signal])).then(
    (): Waited<T> => ({ kind: "timedOut" }),
    (): Waited<T> => ({ kind: "cancelled" }),
  );
  const done = work.then((value): Waited<T> => ({ kind: "done", value }));
  try {
    return await Promise.race([done, timer]);
  } finally {
    waitIsOver.abort();
  }
}
