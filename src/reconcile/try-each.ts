import type { Failure } from "../core/failure.ts";
import { ok, type Result } from "../core/result.ts";

/** How many are tried side by side: the store commits what comes together in one go. */
const TRIED_AT_ONCE = 64;

/** Failures that all others meet as well, so that no other is tried. */
const GENERAL_KINDS: ReadonlySet<Failure["kind"]> = new Set(["Cancelled", "StoreUnavailable", "StoreWentBack", "Throttled"]);

/** Whether a failure says nothing of the one that was tried: the others fail in the same way. */
export function isGeneral(failure: Failure): boolean {
  return GENERAL_KINDS.has(failure.kind);
}

/**
 * Tries each of `all`. A failure of one keeps no other waiting; it is told to `onFailure`. Fails as the first
 * one that failed did, once all were tried, or at once where the others would fail in the same way. Answers
 * what each has come to.
 */
export async function tryEach<T, R>(
  all: readonly T[],
  attempt: (one: T) => Promise<Result<R, Failure>>,
  onFailure: (one: T, failure: Failure) => void,
): Promise<Result<readonly R[], Failure>> {
  const done: R[] = [];
  let failed: Result<never, Failure> | undefined;
  for (let first = 0; first < all.length; first += TRIED_AT_ONCE) {
    const batch = all.slice(first, first + TRIED_AT_ONCE);
    const tried = await Promise.all(batch.map(async (one) => ({ one, result: await attempt(one) })));
    for (const { one, result } of tried) {
      if (result.ok) done.push(result.value);
      else if (isGeneral(result.failure)) return result;
      else {
        onFailure(one, result.failure);
        failed ??= result;
      }
    }
  }
  return failed ?? ok(done);
}
