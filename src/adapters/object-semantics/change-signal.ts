import type { Clock } from "../../ports/clock.ts";

/** Lets watches wait for changes of one kind, without polling. */
export interface ChangeSignal {
  /** Wakes everyone who waits. */
  readonly notify: () => void;
  /** Waits for the next `notify`, at most `quietMs`; ends at once when `signal` is aborted. */
  readonly wait: (quietMs: number, signal: AbortSignal) => Promise<"changed" | "quiet" | "aborted">;
}

/** A change signal on `clock`. */
export function createChangeSignal(clock: Clock): ChangeSignal {
  const waiting = new Set<() => void>();
  return {
    notify: () => {
      for (const wake of [...waiting]) wake();
    },
    wait: async (quietMs, signal) => {
      if (signal.aborted) return "aborted";
      const quiet = new AbortController();
      const abort = (): void => quiet.abort();
      const wake = (): void => quiet.abort("changed");
      signal.addEventListener("abort", abort);
      waiting.add(wake);
      try {
        await clock.sleep(quietMs, quiet.signal);
        return "quiet";
      } catch (error) {
        if (signal.aborted) return "aborted";
        if (quiet.signal.aborted) return "changed";
        throw error;
      } finally {
        waiting.delete(wake);
        signal.removeEventListener("abort", abort);
      }
    },
  };
}
