/** A search that answers every request that came before it began. */
export interface SharedSearch<T> {
  /** Undefined once `signal` is aborted. */
  readonly run: (signal: AbortSignal) => Promise<T | undefined>;
}

interface Round<T> {
  readonly found: Promise<T>;
  /** How many wait for it. */
  callers: number;
  readonly abort: AbortController;
}

/**
 * At most one search runs, and one waits for its end: a request joins the one that waits, for one that has
 * begun may have passed what the request is about. A search is aborted when the last of its callers leaves.
 */
export function createSharedSearch<T>(search: (signal: AbortSignal) => Promise<T>): SharedSearch<T> {
  let running: Promise<unknown> = Promise.resolve();
  let waiting: Round<T> | undefined;

  const begin = (): Round<T> => {
    const abort = new AbortController();
    const found = running.then(() => {
      if (waiting === round) waiting = undefined;
      return search(abort.signal);
    });
    running = Promise.allSettled([found]);
    const round = { found, callers: 0, abort };
    return (waiting = round);
  };

  return {
    run: async (signal) => {
      if (signal.aborted) return undefined;
      const round = waiting ?? begin();
      round.callers += 1;
      const left = Promise.withResolvers<undefined>();
      const leave = (): void => left.resolve(undefined);
      signal.addEventListener("abort", leave, { once: true });
      try {
        return await Promise.race([round.found, left.promise]);
      } finally {
        signal.removeEventListener("abort", leave);
        round.callers -= 1;
        if (round.callers === 0) {
          round.abort.abort();
          if (waiting === round) waiting = undefined;
        }
      }
    },
  };
}
