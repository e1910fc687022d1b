import type { SourceObject } from "./source.ts";

/** A change of one object: `previous` undefined: it is new; `current` undefined: it is gone. */
export interface CachedChange<T> {
  /** As `objectKey` names it. */
  readonly key: string;
  readonly previous: T | undefined;
  readonly current: T | undefined;
}

/**
 * What this process knows of one source: filled by `run`, always a moment behind. `Index` are the names of
 * the indexes that it was made with. Everything that matters is written conditionally, so a stale answer
 * costs an attempt, never safety.
 */
export interface SourceCache<T extends SourceObject, Index extends string = never> {
  /** The object with that key, as by `objectKey`. */
  get(key: string): T | undefined;
  /** All objects, sorted by key. */
  list(): readonly T[];
  /** The objects that have `value` in an index, sorted by key. */
  byIndex(index: Index, value: string): readonly T[];
  /** Whether the source has been listed once. Before that, an object that is not here may exist. */
  hasSynced(): boolean;
  /** Waits until `hasSynced`. Rejects with the signal's reason. */
  untilSynced(signal: AbortSignal): Promise<void>;
  /**
   * Adds a write's response to the cache at once, unless the watch is past it already, so that a process
   * reads its own writes.
   */
  remember(object: T): void;
  /**
   * How long the object has been unchanged, in milliseconds on this process's clock, whether or not the
   * source was reachable; undefined if the cache doesn't know the object.
   */
  unchangedMs(key: string): number | undefined;
  /**
   * The same without its status: how long the object's spec has been unchanged. A status that is rewritten
   * says nothing about the request.
   */
  specUnchangedMs(key: string): number | undefined;
  /**
   * How long the object has been *watched* unchanged: up to the last time that the source reported
   * anything, and without long silences. For judging nodes by their silence: a process or a watch that
   * was paused has watched nothing.
   */
  watchedUnchangedMs(key: string): number | undefined;
  /**
   * How long the object has been missing while it was watched for, in milliseconds, up to 600,000; 0
   * where it exists. A cache that has just started has missed nothing yet.
   */
  missingMs(key: string): number;
  /**
   * When the source last reported anything, on the clock's `elapsedMs`; undefined before the first list.
   */
  lastReportElapsedMs(): number | undefined;
  /**
   * Calls `listener` after each change, also for the first list. A listener's exception is logged.
   * Answers how to stop it.
   */
  onChange(listener: (change: CachedChange<T>) => void): () => void;
  /**
   * Waits until `predicate` holds for the object (undefined: there is none), without polling; never before
   * the source has been listed. Answers whether it did within `limitMs`. Rejects with the signal's reason,
   * and with whatever `predicate` throws.
   */
  waitUntil(
    key: string,
    predicate: (object: T | undefined) => boolean,
    limitMs: number,
    signal: AbortSignal,
  ): Promise<boolean>;
  /**
   * The same, answering the object for which it held; undefined if it did not hold in time, or held for a
   * missing object.
   */
  waitFor(
    key: string,
    predicate: (object: T | undefined) => boolean,
    limitMs: number,
    signal: AbortSignal,
  ): Promise<T | undefined>;
  /**
   * Lists again at once, and drops own writes that the watch has not confirmed: after a rollback of the
   * source.
   */
  listAgain(): void;
  /**
   * Keeps the cache up to date until `signal` is aborted; returns once nothing is left running. Called
   * once.
   */
  run(signal: AbortSignal): Promise<void>;
}
