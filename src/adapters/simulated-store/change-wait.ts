import type { Clock } from "../../ports/clock.ts";
import { type ChangeSignal, ENDED } from "../object-semantics/change-signal.ts";

/** How one watch waits, repeatedly, until it has ended. */
export interface ChangeWait {
  /**
   * Waits until `atMs`, in elapsed milliseconds, or less: until the next change, until the watch's signal
   * is aborted, or for nothing. To be called by one at a time.
   */
  readonly until: (atMs: number) => Promise<void>;
  readonly end: () => void;
}

/**
 * The waits of one watch for a kind's changes. Almost every wait ends by a change, long before its
 * time: a pending sleep is kept for the following waits, and none starts that ends later. That saves
 * thousands of sleeps in each virtual minute of a simulation.
 */
export function createChangeWait(
  clock: Clock,
  changed: Pick<ChangeSignal, "listen">,
  signal: AbortSignal,
): ChangeWait {
  const ended = new AbortController();
  /** When the sleeps under way end: the last one is the next to do so. */
  const endsMs: number[] = [];
  let waiting: PromiseWithResolvers<void> | undefined;
  const wake = (): void => waiting?.resolve();
  const stopListening = changed.listen(wake);
  signal.addEventListener("abort", wake);

  function sleepUntil(atMs: number): void {
    endsMs.push(atMs);
    clock.sleep(atMs - clock.elapsedMs(), ended.signal).then(
      () => {
        endsMs.pop();
        wake();
      },
      (error: unknown) => {
        if (!ended.signal.aborted) waiting?.reject(error);
      },
    );
  }

  return {
    until: (atMs) => {
      waiting = Promise.withResolvers<void>();
      if (signal.aborted) wake();
      else if (atMs < (endsMs.at(-1) ?? Infinity)) sleepUntil(atMs);
      return waiting.promise;
    },
    end: () => {
      stopListening();
      signal.removeEventListener("abort", wake);
      ended.abort(ENDED);
    },
  };
}
