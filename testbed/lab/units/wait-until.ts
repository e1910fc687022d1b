import { setTimeout as sleep } from "node:timers/promises";

export interface Patience {
  readonly timeoutMs: number;
  /** Ends the waiting. Clean-up passes none, since it must not be interrupted. */
  readonly signal?: AbortSignal;
  /** Time between two calls, in milliseconds. Default: 100. */
  readonly everyMs?: number;
}

const LOOK_EVERY_MS = 100;

/**
 * Calls `look` repeatedly until it returns something; throws with `what` after the timeout. For conditions
 * without a notification.
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
