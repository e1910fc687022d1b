/** Work that continues by itself until its owner ends. */
export interface TaskGroup {
  /** Aborted when the owner ends. */
  readonly signal: AbortSignal;
  /**
   * Begins a task. It ends by itself, or by throwing the signal's reason; nothing begins after the owner's
   * end.
   */
  start(work: (signal: AbortSignal) => Promise<void>): void;
  /** Resolves when no task is left. */
  ended(): Promise<void>;
}

/** A group that ends with `signal`. Any other error is passed to `onFailure`: a bug of the simulation. */
export function createTaskGroup(signal: AbortSignal, onFailure: (error: unknown) => void): TaskGroup {
  const running = new Set<Promise<void>>();
  const run = async (work: (signal: AbortSignal) => Promise<void>): Promise<void> => {
    try {
      await work(signal);
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) onFailure(error);
    }
  };
  return {
    signal,
    start: (work) => {
      if (signal.aborted) return;
      const task = run(work).then(() => void running.delete(task));
      running.add(task);
    },
    ended: async () => {
      while (running.size > 0) await Promise.all(running);
    },
  };
}
