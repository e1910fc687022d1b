/** Observes the control loops of a process. Production counts their passes, and shows their queues. */
export interface LoopObserver {
  /** A loop runs until the returned function is called; `depth` answers for its queue until then. */
  runs(loop: string, depth: () => QueueDepth): () => void;
  /** A pass of a loop over a key has ended, and its process was not being stopped. */
  passEnded(loop: string, outcome: PassOutcome): void;
}

/** How many keys of a loop are to be handled at once, wait for their time, and are being handled. */
export interface QueueDepth {
  readonly ready: number;
  readonly delayed: number;
  readonly active: number;
}

/**
 * How a pass ends: `conflict`, another writer was faster, or what the plan was made with has changed;
 * `failed`, as expected; `threw`, by a bug.
 */
export type PassOutcome = "done" | "conflict" | "failed" | "threw";
