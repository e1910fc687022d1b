import type { Clock } from "../../../ports/clock.ts";

/**
 * Awaits a sign-in. Rejects after `maxMs`, and then aborts what was begun, which may ignore that: Entra ID's
 * credentials do. What it answers after that is its own to keep, and its failure was reported by then.
 */
export async function timedSignIn<T>(
  clock: Clock,
  maxMs: number,
  begin: (late: AbortSignal) => Promise<T>,
): Promise<T> {
  const [late, done] = [new AbortController(), new AbortController()];
  const limit = clock.sleep(maxMs, done.signal).then(() => {
    throw new Error(`no answer to the sign-in within ${maxMs / 1_000} s`);
  });
  try {
    // The race also handles the rejection of the one that ends last.
    return await Promise.race([begin(late.signal), limit]);
  } catch (error) {
    late.abort("the time is over");
    throw error;
  } finally {
    done.abort("done");
  }
}
