import { storeUnavailable } from "../../core/failure/frequent-failures.ts";
import { messageOf } from "../../core/failure/message-of.ts";
import { fail } from "../../core/failure/result.ts";
import type { Result } from "../../core/failure/result.ts";

const WAITING_MAX = 10_000;
const BATCH_MAX = 256;

/**
 * Gathers the writes that arrive in one turn of the event loop and commits them together: one flush to disk
 * for all of them.
 */
export interface WriteQueue<T> {
  /**
   * Runs `write` in the next batch; returns when the batch is on disk. Fails with `StoreUnavailable` if
   * it is not, and with `Cancelled` if `signal` is aborted before it began.
   */
  readonly add: (write: () => Result<T>, signal: AbortSignal) => Promise<Result<T>>;
  /** Answers every write that has not begun, and every later one, with `StoreUnavailable`. */
  readonly close: () => void;
}

interface WaitingWrite<T> {
  readonly write: () => Result<T>;
  readonly signal: AbortSignal;
  readonly settle: {
    readonly resolve: (result: Result<T>) => void;
    readonly reject: (error: unknown) => void;
  };
}

/**
 * A queue whose batches run inside `transact`, which throws an error for which `isStoreError` holds if
 * nothing could be written.
 */
export function createWriteQueue<T>(options: {
  readonly transact: (run: () => void) => void;
  readonly isStoreError: (error: unknown) => boolean;
  readonly afterCommit: () => void;
}): WriteQueue<T> {
  let waiting: WaitingWrite<T>[] = [];
  let isScheduled = false;
  let isClosed = false;

  function schedule(): void {
    if (isScheduled || waiting.length === 0) return;
    isScheduled = true;
    setImmediate(flush);
  }

  function flush(): void {
    isScheduled = false;
    if (waiting.length === 0) return;
    const batch = waiting.slice(0, BATCH_MAX);
    waiting = waiting.slice(BATCH_MAX);
    schedule();
    const results: Result<T>[] = [];
    try {
      options.transact(() => {
        for (const { write, signal } of batch)
          results.push(signal.aborted ? fail({ kind: "Cancelled" }) : write());
      });
    } catch (error) {
      for (const { settle } of batch) settleFailed(settle, error);
      return;
    }
    for (const [index, result] of results.entries()) batch[index]?.settle.resolve(result);
    options.afterCommit();
  }

  function settleFailed(settle: WaitingWrite<T>["settle"], error: unknown): void {
    if (options.isStoreError(error))
      settle.resolve(storeUnavailable(`the write could not be committed: ${messageOf(error)}`));
    else settle.reject(error);
  }

  return {
    add: (write, signal) => {
      if (signal.aborted) return Promise.resolve(fail({ kind: "Cancelled" }));
      if (isClosed) return Promise.resolve(closedFailure());
      if (waiting.length >= WAITING_MAX)
        return Promise.resolve(storeUnavailable(`${WAITING_MAX} writes are waiting already`));
      return new Promise((resolve, reject) => {
        waiting.push({ write, signal, settle: { resolve, reject } });
        schedule();
      });
    },
    close: () => {
      isClosed = true;
      for (const { settle } of waiting) settle.resolve(closedFailure());
      waiting = [];
    },
  };
}

function closedFailure(): Result<never> {
  return storeUnavailable("the store is closed");
}
