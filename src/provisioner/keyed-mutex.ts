/** One holder at a time for each key; waiters go in the order of arrival. */
export class KeyedMutex {
  /** Of each key, the end of the last holder or waiter so far. */
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs `work` once every earlier holder of `key` is done. A waiter whose signal is aborted rejects at once with its reason. */
  async run<T>(key: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const earlier = this.#tails.get(key);
    const { promise: done, resolve: release } = Promise.withResolvers<void>();
    const tail = inTurn(earlier, done);
    this.#tails.set(key, tail);
    let isMyTurn = false;
    try {
      if (earlier !== undefined) await unlessAborted(earlier, signal);
      signal.throwIfAborted();
      isMyTurn = true;
      return await work();
    } finally {
      release();
      // A waiter that gave up must not drop the key: a newcomer would go at once, while the holder still works.
      if (isMyTurn && this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }
}

/** A waiter that gives up makes way for the next one, but not before the holder is done. */
async function inTurn(earlier: Promise<void> | undefined, done: Promise<void>): Promise<void> {
  await earlier;
  await done;
}

async function unlessAborted(awaited: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    signal.throwIfAborted();
    await Promise.race([awaited, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
