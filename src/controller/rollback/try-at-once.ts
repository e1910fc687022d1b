import type { Failure } from "../../core/failure/failure.ts";
import { type Attempts, resultOf } from "../try-each.ts";

/** What was done of all that was tried. */
interface Tried<R> {
  /** In the order in which they ended. */
  readonly done: readonly R[];
  /** The first failure; `Cancelled` where not all were tried. */
  readonly failed: Failure | undefined;
}

/**
 * Tries each of `all`, `atOnce` of them at any time: one that hangs keeps its own place, and no other waits
 * for it. Unlike `tryEach` it tries all of them, whatever fails. A failure or a bug is passed to `onFailure`.
 * Begins no further one once `signal` is aborted or one was cancelled.
 */
export async function tryAtOnce<T, R>(
  all: readonly T[],
  { atOnce, attempt, onFailure, logger }: Attempts<T, R> & { readonly atOnce: number },
  signal: AbortSignal,
): Promise<Tried<R>> {
  const done: R[] = [];
  let failed: Failure | undefined;
  const left = all.values();
  const work = async (): Promise<void> => {
    for (const one of left) {
      if (failed?.kind === "Cancelled") return;
      const result = await resultOf(() => attempt(one), logger, signal);
      if (signal.aborted || (!result.ok && result.failure.kind === "Cancelled"))
        failed = { kind: "Cancelled" };
      else if (result.ok) done.push(result.value);
      else {
        onFailure(one, result.failure);
        failed ??= result.failure;
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return { done, failed };
}
