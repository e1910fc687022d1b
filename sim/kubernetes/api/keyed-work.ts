import type { Clock } from "../../../src/ports/clock.ts";
import type { TaskGroup } from "./task-group.ts";

/**
 * A work queue like those of Kubernetes' controllers: a key is worked on once at a time, again if it was
 * queued in the meantime, and after a growing pause if that failed.
 */
export interface KeyedWork {
  /** Queues a key, also one that pauses after a failure. */
  queue(key: string): void;
}

/** How keys are worked on. */
export interface KeyedWorkOptions {
  readonly tasks: TaskGroup;
  readonly clock: Pick<Clock, "sleep">;
  /**
   * The pause after the n-th failure in a row is `baseMs` times 2 to the power of n - 1, and `maxMs` at
   * most.
   */
  readonly backoff: { readonly baseMs: number; readonly maxMs: number };
  /** Returns whether the key is done, for now. */
  readonly work: (key: string, signal: AbortSignal) => Promise<boolean>;
}

interface KeyState {
  isRunning: boolean;
  isQueued: boolean;
  failures: number;
}

/** An empty queue. */
export function createKeyedWork({ tasks, clock, backoff, work }: KeyedWorkOptions): KeyedWork {
  const states = new Map<string, KeyState>();

  function queue(key: string): void {
    const state = states.get(key) ?? { isRunning: false, isQueued: false, failures: 0 };
    states.set(key, state);
    state.isQueued = true;
    if (state.isRunning) return;
    state.isRunning = true;
    tasks.start((signal) => run(key, state, signal));
  }

  async function run(key: string, state: KeyState, signal: AbortSignal): Promise<void> {
    let isDone = true;
    while (state.isQueued) {
      state.isQueued = false;
      isDone = await work(key, signal);
      state.failures = isDone ? 0 : state.failures + 1;
    }
    state.isRunning = false;
    if (isDone) states.delete(key);
    else pause(key, state.failures);
  }

  function pause(key: string, failures: number): void {
    tasks.start(async (signal) => {
      await clock.sleep(Math.min(backoff.baseMs * 2 ** (failures - 1), backoff.maxMs), signal);
      // It has been worked on since: if that failed, too, another pause runs.
      if (states.get(key)?.failures === failures) queue(key);
    });
  }

  return { queue };
}
