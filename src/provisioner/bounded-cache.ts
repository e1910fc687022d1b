import { putNewest } from "../core/primitives/put-newest.ts";
import type { Clock } from "../ports/clock.ts";

export interface BoundedCacheOptions {
  readonly clock: Clock;
  /** Upper limit for the number of entries; the oldest one leaves first. */
  readonly entriesMax: number;
  /** Longest time that an entry is used, in milliseconds. */
  readonly maxAgeMs: number;
}

/**
 * Remembers what was read, for a while. Own writes drop what they change, also what is being read at
 * that moment. Only for what saves calls: a cached value never counts as proof.
 */
export class BoundedCache<V> {
  readonly #options: BoundedCacheOptions;
  readonly #entries = new Map<string, { readonly value: V; readonly atMs: number }>();
  /** Whether each key that is being read was dropped since the read began. */
  readonly #reading = new Map<string, { isDropped: boolean }>();

  constructor(options: BoundedCacheOptions) {
    this.#options = options;
  }

  /** The cached value; undefined if there is none, or it is too old. */
  get(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (this.#options.clock.elapsedMs() - entry.atMs <= this.#options.maxAgeMs) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  /**
   * Reads, and remembers what `choose` makes of the outcome; undefined: nothing. An entry that is
   * dropped during the read stays dropped.
   */
  async read<R>(key: string, read: () => Promise<R>, choose: (outcome: R) => V | undefined): Promise<R> {
    const reading = { isDropped: false };
    this.#reading.set(key, reading);
    const atMs = this.#options.clock.elapsedMs();
    try {
      const outcome = await read();
      const value = choose(outcome);
      if (value !== undefined && !reading.isDropped && this.#reading.get(key) === reading)
        putNewest(this.#entries, key, { value, atMs }, this.#options.entriesMax);
      return outcome;
    } finally {
      if (this.#reading.get(key) === reading) this.#reading.delete(key);
    }
  }

  /** Remembers a value that is known without a read. */
  set(key: string, value: V): void {
    const { clock, entriesMax } = this.#options;
    putNewest(this.#entries, key, { value, atMs: clock.elapsedMs() }, entriesMax);
  }

  /** Drops an entry: before a write of this process, and after it. */
  drop(key: string): void {
    this.#entries.delete(key);
    const reading = this.#reading.get(key);
    if (reading !== undefined) reading.isDropped = true;
  }
}
