import { setTimeout as sleep } from "node:timers/promises";

export interface Patience {
  readonly timeoutMs: number;
  /** Ends the waiting. Clean-up passes none, since it must not be interrupted. */
  readonly signal?: AbortSignal;
  /** Time between two calls, in milliseconds. Default: 100. */
  readonly everyMs?: number;
}

const LOOK_EVERY_MS = 100;

/** Keeps what a look has seen, for the error of a wait in vain. */
type Note = (seen: unknown) => void;

/**
 * Calls `look` repeatedly until it returns something; throws with `what`, and with what was noted last, after
 * the timeout. For conditions without a notification.
 */
export async function waitUntil<T>(
  what: string,
  patience: Patience,
  look: (note: Note) => Promise<T | undefined>,
): Promise<T> {
  const { timeoutMs, signal, everyMs = LOOK_EVERY_MS } = patience;
  const endMs = performance.now() + timeoutMs;
  let noted: unknown;
  for (;;) {
    signal?.throwIfAborted();
    const seen = await look((last) => (noted = last));
    if (seen !== undefined) return seen;
    if (performance.now() > endMs) {
      const last = noted === undefined ? "" : `; last seen: ${JSON.stringify(noted)}`;
      throw new Error(`waited ${timeoutMs} ms in vain for ${what}${last}`);
    }
    await sleep(everyMs, undefined, signal === undefined ? {} : { signal });
  }
}
