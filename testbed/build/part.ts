/** A part that the testbed starts: made once and then kept in the cache. */
export interface Part {
  /** The name of its folder in the cache and in progress lines. */
  readonly name: string;
  /** Digest of all inputs; another key is another result. */
  readonly key: string;
  /** Fills an empty folder. Throws with a reason that a user can act on. `tell` names the current step. */
  build(folder: string, tell: (step: string) => void, signal: AbortSignal): Promise<void>;
}

/** Receives a line of progress, for people to read. */
export type OnProgress = (line: string) => void;
