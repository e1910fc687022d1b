import type { Clock } from "../clock.ts";
import type { SourceObject } from "./source.ts";

/** What happened to one object: `previous` undefined: it is new; `current` undefined: it is gone. */
export interface CachedChange<T> {
  /** As `objectKey` names it. */
  readonly key: string;
  readonly previous: T | undefined;
  readonly current: T | undefined;
}

/** How long to wait, on whose clock. */
export interface WaitLimit {
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/**
 * What this process knows of one source: filled by `run`, always a moment behind. `Index` are the names of
 * the indexes that it was made with. Everything that matters is written conditionally, so a stale answer
 * costs an attempt, never safety.
 */
export interface SourceCache<T extends SourceObject, Index extends string = never> {
  /** The object that `objectKey` names so. */
  get(key: string): T | undefined;
  /** All objects, sorted by key. */
  list(): readonly T[];
  /** The objects that have `value` in an index, sorted by key. */
  byIndex(index: Index, value: string): readonly T[];
  /** Whether the source has been listed once. Before that, an object that isn't here may well exist. */
  hasSynced(): boolean;
  /** Waits until `hasSynced`. Rejects with the signal's reason. */
  untilSynced(signal: AbortSignal): Promise<void>;
  /** Whether the cache has been told everything up to a version, such as that of a write. */
  hasSeen(resourceVersion: string): boolean;
  /**
   * Puts what a write was answered into the cache at once, unless the watch is past it already: so one
   * reads one's own writes.
   */
  remember(object: T): void;
  /**
   * When this cache learnt of the object's last change, on the clock's `elapsedMs`; undefined if it doesn't
   * know the object.
   */
  lastChangedElapsedMs(key: string): number | undefined;
  /**
   * The same of its last change but for its status: a status that is written again and again says nothing
   * of what is asked for.
   */
  lastAskedElapsedMs(key: string): number | undefined;
  /**
   * How long the object has been *watched* unchanged: up to the last time that the source said anything,
   * and without long silences. For judging others by their silence: a process or a watch that stood still
   * has watched nobody.
   */
  watchedUnchangedMs(key: string): number | undefined;
  /**
   * How long there has been no such object while it was watched for one, in milliseconds, up to 600,000; 0
   * where there is one. A cache that has just begun has missed nothing yet.
   */
  missingMs(key: string): number;
  /** When the source last said anything, on the clock's `elapsedMs`; undefined before the first list. */
  lastHeardElapsedMs(): number | undefined;
  /**
   * Calls `listener` after each change, also for what the first list brings. One that throws is logged.
   * Answers how to stop it.
   */
  onChange(listener: (change: CachedChange<T>) => void): () => void;
  /**
   * Waits until `predicate` holds for the object (undefined: there is none), without polling; never before
   * the source has been listed. Answers whether it did within the limit. Rejects with the signal's reason,
   * and with whatever `predicate` throws.
   */
  waitUntil(
    key: string,
    predicate: (object: T | undefined) => boolean,
    limit: WaitLimit,
    signal: AbortSignal,
  ): Promise<boolean>;
  /**
   * The same, answering the object for which it held; undefined if it didn't hold in time, or held for an
   * object that is not there.
   */
  waitFor(
    key: string,
    predicate: (object: T | undefined) => boolean,
    limit: WaitLimit,
    signal: AbortSignal,
  ): Promise<T | undefined>;
  /**
   * Lists again at once, and forgets own writes that the watch has not told: for whoever has noticed that
   * the source went back to a backup.
   */
  listAgain(): void;
  /**
   * Keeps the cache up to date until `signal` is aborted; returns once nothing is left running. To be
   * called once.
   */
  run(signal: AbortSignal): Promise<void>;
}
