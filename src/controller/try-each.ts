import type { Failure } from "../core/failure/failure.ts";
import { fail, ok, type Result } from "../core/failure/result.ts";
import type { Logger } from "../ports/logger.ts";

/** How many run concurrently: the store commits writes that arrive together in one batch. */
const TRIED_AT_ONCE = 64;

/** Failures of what all have in common, unless others of the same batch succeed. */
const GENERAL_KINDS: ReadonlySet<Failure["kind"]> = new Set([
  "Cancelled",
  "StoreUnavailable",
  "StoreRolledBack",
  "Throttled",
]);

/** Whether a failure may not concern the tried object: the others may fail in the same way. */
export function isGeneral(failure: Failure): boolean {
  return GENERAL_KINDS.has(failure.kind);
}

/** What is done with each. */
export interface Attempts<T, R> {
  readonly attempt: (one: T) => Promise<Result<R, Failure>>;
  /** Logs which one has failed. */
  readonly onFailure: (one: T, failure: Failure) => void;
  /** Receives the stack of a bug. */
  readonly logger: Logger;
}

/**
 * Tries each of `all`. A failure of one delays no other and is passed to `onFailure`; so is a bug, as
 * `DriverBug`. Fails with the first failure once all were tried, or after a batch of which all failed in
 * a way that the others would as well. Returns the result of each.
 */
export async function tryEach<T, R>(
  all: readonly T[],
  { attempt, onFailure, logger }: Attempts<T, R>,
  signal: AbortSignal,
): Promise<Result<readonly R[], Failure>> {
  const tryOne = async (one: T): Promise<{ readonly one: T; readonly result: Result<R, Failure> }> => ({
    one,
    result: await resultOf(() => attempt(one), logger, signal),
  });
  const done: R[] = [];
  let failed: Result<never, Failure> | undefined;
  for (let first = 0; first < all.length; first += TRIED_AT_ONCE) {
    const batch = all.slice(first, first + TRIED_AT_ONCE);
    const tried = await Promise.all(batch.map(tryOne));
    for (const { one, result } of tried) {
      if (result.ok) done.push(result.value);
      else {
        onFailure(one, result.failure);
        failed ??= result;
      }
    }
    const areAllLost = tried.every(({ result }) => !result.ok && isGeneral(result.failure));
    if (failed !== undefined && areAllLost) return failed;
  }
  return failed ?? ok(done);
}

/** The result of one attempt. A bug is logged with its stack, and counts as the failure `DriverBug`. */
export async function resultOf<R>(
  attempt: () => Promise<Result<R, Failure>>,
  logger: Logger,
  signal: AbortSignal,
): Promise<Result<R, Failure>> {
  try {
    return await attempt();
  } catch (error) {
    // Ports that wait reject with the signal's reason.
    return signal.aborted ? fail({ kind: "Cancelled" }) : bugOf(error, logger);
  }
}

function bugOf(error: unknown, logger: Logger): Result<never, Failure> {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  logger.error("attempt threw: a bug", { error: stack ?? message });
  return fail({ kind: "DriverBug", detail: message });
}
