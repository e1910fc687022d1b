import type { Failure } from "../core/failure/failure.ts";
import { messageOf, stackOf } from "../core/failure/message-of.ts";
import { fail, type Result } from "../core/failure/result.ts";
import type { Logger } from "../ports/logger.ts";

const TRIED_AT_ONCE = 64;

/** Failures of what all have in common, unless others succeed. */
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

/** Of two failures the first, unless only the later one is general: all have to be tried again then. */
export function oneToReport(first: Failure | undefined, later: Failure): Failure {
  return first === undefined || (isGeneral(later) && !isGeneral(first)) ? later : first;
}

/** What is done with each. */
export interface Attempts<T, R> {
  readonly attempt: (one: T) => Promise<Result<R>>;
  /** Logs which one has failed. */
  readonly onFailure: (one: T, failure: Failure) => void;
  /** Receives the stack of a bug. */
  readonly logger: Logger;
  /** How many run concurrently. Default 64: the store commits writes that arrive together in one batch. */
  readonly atOnce?: number;
  /** How many in a row may fail as all others would, before no further one begins. Default: `atOnce`. */
  readonly generalMax?: number;
}

interface Tried<R> {
  /** In the order in which they ended. */
  readonly done: readonly R[];
  /** The first general failure, or else the first; `Cancelled` where a stop left some untried. */
  readonly failed: Failure | undefined;
}

/**
 * Tries each of `all`, `atOnce` of them at any time: one that hangs keeps its own place, and no other waits
 * for it. A failure of one delays no other and is passed to `onFailure`; so is a bug, as `DriverBug`. Begins
 * no further one once `signal` is aborted, one was cancelled, or `generalMax` is reached.
 */
export async function tryEach<T, R>(
  all: readonly T[],
  { attempt, onFailure, logger, atOnce = TRIED_AT_ONCE, generalMax = atOnce }: Attempts<T, R>,
  signal: AbortSignal,
): Promise<Tried<R>> {
  const done: R[] = [];
  let failed: Failure | undefined;
  let generalInRow = 0;
  const left = all.values();
  const work = async (): Promise<void> => {
    while (failed?.kind !== "Cancelled" && generalInRow < generalMax) {
      const next = left.next();
      if (next.done === true) return;
      const result = await tryOne(() => attempt(next.value), logger, signal);
      generalInRow = !result.ok && isGeneral(result.failure) ? generalInRow + 1 : 0;
      if (result.ok) done.push(result.value);
      else if (result.failure.kind === "Cancelled") failed = result.failure;
      else {
        onFailure(next.value, result.failure);
        failed = oneToReport(failed, result.failure);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return { done, failed };
}

/**
 * The result of one attempt; `Cancelled` once `signal` is aborted, whatever came of it. A bug is logged with
 * its stack, and counts as the failure `DriverBug`.
 */
export async function tryOne<R>(
  attempt: () => Promise<Result<R>>,
  logger: Logger,
  signal: AbortSignal,
): Promise<Result<R>> {
  try {
    const result = await attempt();
    if (!signal.aborted) return result;
  } catch (error) {
    // Ports that wait reject with the signal's reason.
    if (signal.aborted) return fail({ kind: "Cancelled" });
    logger.error("attempt threw: a bug", { error: stackOf(error) });
    return fail({ kind: "DriverBug", detail: messageOf(error) });
  }
  return fail({ kind: "Cancelled" });
}
