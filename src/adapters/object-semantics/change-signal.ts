import type { Clock } from "../../ports/clock.ts";

/** Lets watches wait for changes of one kind, without polling. */
export interface ChangeSignal {
  /** Wakes all waiters. */
  readonly notify: () => void;
  /** Waits for the next `notify`, at most `quietMs`; ends at once when `signal` is aborted. */
  readonly wait: (quietMs: number, signal: AbortSignal) => Promise<"changed" | "quiet" | "aborted">;
  /** Calls `listener` at each `notify`. Returns a function that stops it. */
  readonly listen: (listener: () => void) => () => void;
}

/** A change signal on `clock`. */
export function createChangeSignal(clock: Clock): ChangeSignal {
  const waiting = new Set<() => void>();
  return {
    notify: () => {
      for (const wake of [...waiting]) wake();
    },
    // By hand and not with await: watches wait here most of their time, thousands of times in each
    // virtual minute of a simulation.
    wait: (quietMs, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return resolve("aborted");
        const sleep = new AbortController();
        const end = (how: "changed" | "quiet" | "aborted"): void => {
          waiting.delete(wake);
          signal.removeEventListener("abort", abort);
          resolve(how);
          sleep.abort(ENDED);
        };
        const abort = (): void => end("aborted");
        const wake = (): void => end("changed");
        signal.addEventListener("abort", abort);
        waiting.add(wake);
        clock.sleep(quietMs, sleep.signal).then(
          () => end("quiet"),
          (error: unknown) => {
            if (!sleep.signal.aborted) reject(error instanceof Error ? error : new Error(String(error)));
          },
        );
      }),
    listen: (listener) => {
      waiting.add(listener);
      return () => waiting.delete(listener);
    },
  };
}

/** Without a reason each abort makes an error with a stack, which takes longer than all the rest of it. */
export const ENDED = "ended";
