/** Runs work on one key one after the other, in the order of the calls. Different keys run concurrently. */
export interface Turns {
  take<Value>(key: string, work: () => Promise<Value>): Promise<Value>;
  /** Resolves when all work requested before has ended, however it ended. */
  allTaken(): Promise<void>;
}

/** Creates a queue without work. */
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
