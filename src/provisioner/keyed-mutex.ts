import { unlessAborted } from "../runtime/unless-aborted.ts";

/** One holder at a time for each key; waiters go in the order of arrival. */
export class KeyedMutex {
  /** For each key with a holder or waiters: the end of the last of them, and their number. */
  readonly #keys = new Map<string, { tail: Promise<void>; users: number }>();

  /** How many keys have a holder or waiters: of all others nothing is remembered. */
  get keysInUse(): number {
    return this.#keys.size;
  }

  /**
   * Runs `work` once every earlier holder of `key` is done. A waiter whose signal is aborted rejects at
   * once with its reason.
   */
  async run<T>(key: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const present = this.#keys.get(key);
    const earlier = present?.tail;
    const { promise: done, resolve: release } = Promise.withResolvers<void>();
    this.#keys.set(key, { tail: inTurn(earlier, done), users: (present?.users ?? 0) + 1 });
    try {
      if (earlier !== undefined) await unlessAborted(earlier, signal);
      signal.throwIfAborted();
      return await work();
    } finally {
      release();
      this.#leave(key);
    }
  }

  /**
   * The last one drops the key. A waiter that gave up earlier must not: a newcomer would start at once,
   * while the holder still works.
   */
  #leave(key: string): void {
    const present = this.#keys.get(key);
    if (present === undefined) return;
    present.users -= 1;
    if (present.users === 0) this.#keys.delete(key);
  }
}

/** A waiter that gives up makes way for the next one, but not before the holder is done. */
async function inTurn(earlier: Promise<void> | undefined, done: Promise<void>): Promise<void> {
  await earlier;
  await done;
}
