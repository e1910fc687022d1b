import { setTimeout as sleep } from "node:timers/promises";

export interface Patience {
  readonly timeoutMs: number;
  /** Ends the waiting; what cleans up is not to be interrupted and has none. */
  readonly signal?: AbortSignal;
  /** Time between two looks, in milliseconds. Default: 50. */
  readonly everyMs?: number;
}

const LOOK_EVERY_MS = 50;

/**
 * Looks again and again until `look` answers something; throws with `what` when time is over. For
 * conditions that nobody announces.
 */
export async function waitUntil<T>(
  what: string,
  patience: Patience,
  look: () => Promise<T | undefined>,
): Promise<T> {
  const { timeoutMs, signal, everyMs = LOOK_EVERY_MS } = patience;
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const seen = await look();
    if (seen !== undefined) return seen;
    if (performance.now() > endMs) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await sleep(everyMs, undefined, signal === undefined ? {} : { signal });
  }
}
