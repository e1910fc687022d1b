/** Something the testbed starts, made once and then kept in the cache. */
export interface Part {
  /** Names its folder in the cache and its lines of progress. */
  readonly name: string;
  /** Digest of all that the result depends on: another key is another result. */
  readonly key: string;
  /**
   * Fills an empty folder. Throws with a reason that a user can act on. `tell` names what is being done
   * just now.
   */
  build(folder: string, tell: (step: string) => void, signal: AbortSignal): Promise<void>;
}

/** Takes a line of progress, for people to read. */
export type OnProgress = (line: string) => void;
