/**
 * Lets work on one key happen one after the other, in the order in which it was asked for; different keys
 * go on at once.
 */
export interface Turns {
  take<Value>(key: string, work: () => Promise<Value>): Promise<Value>;
  /** Resolves when everything that was asked for before has ended, however it ended. */
  allTaken(): Promise<void>;
}

/** Turns that nobody has taken yet. */
export function newTurns(): Turns {
  const last = new Map<string, Promise<unknown>>();

  async function take<Value>(key: string, work: () => Promise<Value>): Promise<Value> {
    const turn = (last.get(key) ?? Promise.resolve()).then(work);
    const ended = turn.catch(() => undefined);
    last.set(key, ended);
    try {
      return await turn;
    } finally {
      if (last.get(key) === ended) last.delete(key);
    }
  }

  async function allTaken(): Promise<void> {
    await Promise.all(last.values());
  }

  return { take, allTaken };
}
