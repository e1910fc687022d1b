import type { Clock } from "../../ports/clock.ts";

/** Waits for work at most this long, in milliseconds. */
export async function waitAtMost(clock: Clock, maxMs: number, work: Promise<unknown>): Promise<void> {
  const done = new AbortController();
  const timer = clock.sleep(maxMs, done.signal).catch(() => undefined);
  try {
    await Promise.race([work, timer]);
  } finally {
    done.abort();
  }
}
