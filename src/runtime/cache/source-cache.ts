import { stackOf } from "../../core/failure/message-of.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Random } from "../../ports/random.ts";
import type { CachedChange, SourceCache } from "../../ports/store/source-cache.ts";
import type { Source, SourceEvent, SourceObject } from "../../ports/store/source.ts";
import { CachedObjects, type KeysOf } from "./cached-objects.ts";
import { defaultFollowSettings, type Following, type FollowSettings, followSource } from "./follow-source.ts";
import { createMissingTime, createWatchedTime } from "./observed-times.ts";

/** The longest timer of the platform. */
const SLEEP_MAX_MS = 2 ** 31 - 1;
/** Without a reason each abort creates an error with a stack, which takes longer than all the rest of it. */
const ENDED = "ended";

export interface SourceCacheOptions<T extends SourceObject, Index extends string> {
  readonly source: Source<T>;
  /** The indexes of objects besides their key: pure functions, by the index's name. */
  readonly indexes: { readonly [N in Index]: KeysOf<T> };
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings?: Partial<FollowSettings>;
  /** The part of an object whose change restarts `watchedUnchangedMs`. Default: any. */
  readonly signOfLife?: (object: T) => unknown;
}

/** An empty cache of one source; `run` fills it. */
export function createSourceCache<T extends SourceObject, Index extends string = never>(
  options: SourceCacheOptions<T, Index>,
): SourceCache<T, Index> {
  const { source, clock, logger } = options;
  const known = new CachedObjects<T>(options.indexes);
  const watched = createWatchedTime(clock);
  const watchedAtChange = new Map<string, number>();
  const missing = createMissingTime();
  const listeners = new Set<(change: CachedChange<T>) => void>();
  /** Each is called with the key that changed; undefined: the source was listed. */
  const waiters = new Set<(key: string | undefined) => void>();
  let following: Following | undefined;

  function publish(changes: readonly CachedChange<T>[]): void {
    const watchedMs = watched.totalMsNow();
    for (const change of changes) {
      if (change.current === undefined) missing.went(change.key, watchedMs);
      else missing.came(change.key);
      if (change.current === undefined) watchedAtChange.delete(change.key);
      else if (isSignOfLife(change.previous, change.current)) watchedAtChange.set(change.key, watchedMs);
    }
    for (const change of changes) {
      for (const listener of [...listeners]) notify(listener, change);
      for (const wake of [...waiters]) wake(change.key);
    }
  }

  function isSignOfLife(previous: T | undefined, current: T): boolean {
    const { signOfLife } = options;
    return signOfLife === undefined || previous === undefined || signOfLife(previous) !== signOfLife(current);
  }

  function notify(listener: (change: CachedChange<T>) => void, change: CachedChange<T>): void {
    try {
      listener(change);
    } catch (error) {
      logger.error("cache listener threw: a bug", {
        source: source.name,
        key: change.key,
        error: stackOf(error),
      });
    }
  }

  function onList(items: readonly T[], resourceVersion: string): void {
    watched.recordReport();
    publish(known.replaceAll(items, resourceVersion, clock.elapsedMs()));
    for (const wake of [...waiters]) wake(undefined);
  }

  function onEvent(event: SourceEvent<T>): void {
    watched.recordReport();
    if (event.type === "BOOKMARK") known.advance(event.resourceVersion);
    else publish(known.apply(event, clock.elapsedMs()));
  }

  /** Waits until `find` finds something: now, after each change of `concernedKey`, and after each list. */
  async function waitForMatch<M>(
    find: () => { readonly found: M } | undefined,
    concernedKey: string | undefined,
    limitMs: number,
    signal: AbortSignal,
  ): Promise<{ readonly found: M } | undefined> {
    signal.throwIfAborted();
    let match = find();
    if (match !== undefined) return match;
    let thrown: { readonly error: unknown } | undefined;
    const ended = new AbortController();
    const abort = (): void => ended.abort(ENDED);
    const findAgain = (key: string | undefined): void => {
      if (ended.signal.aborted || (key !== undefined && key !== concernedKey)) return;
      try {
        match = find();
      } catch (error) {
        thrown = { error };
      }
      if (match !== undefined || thrown !== undefined) ended.abort(ENDED);
    };
    waiters.add(findAgain);
    signal.addEventListener("abort", abort);
    try {
      await clock.sleep(Math.min(limitMs, SLEEP_MAX_MS), ended.signal);
    } catch (error) {
      if (!ended.signal.aborted) throw error;
    } finally {
      waiters.delete(findAgain);
      signal.removeEventListener("abort", abort);
    }
    if (thrown !== undefined) throw thrown.error;
    if (match === undefined) signal.throwIfAborted();
    return match;
  }

  function waitForObject(
    key: string,
    predicate: (object: T | undefined) => boolean,
    limitMs: number,
    signal: AbortSignal,
  ): Promise<{ readonly found: T | undefined } | undefined> {
    const find = (): { readonly found: T | undefined } | undefined => {
      const object = known.get(key);
      return hasSynced() && predicate(object) ? { found: object } : undefined;
    };
    return waitForMatch(find, key, limitMs, signal);
  }

  const hasSynced = (): boolean => known.seenVersion !== undefined;
  const sinceMs = (atMs: number | undefined): number | undefined =>
    atMs === undefined ? undefined : clock.elapsedMs() - atMs;

  return {
    get: (key) => known.get(key),
    list: () => known.list(),
    byIndex: (index, value) => known.byIndex(index, value),
    hasSynced,
    untilSynced: async (signal) => {
      while (!hasSynced())
        await waitForMatch(
          () => (hasSynced() ? { found: true } : undefined),
          undefined,
          SLEEP_MAX_MS,
          signal,
        );
    },
    remember: (object) => publish(known.remember(object, clock.elapsedMs())),
    unchangedMs: (key) => sinceMs(known.changedAtMs(key)?.anyMs),
    specUnchangedMs: (key) => sinceMs(known.changedAtMs(key)?.specMs),
    watchedUnchangedMs: (key) => {
      const watchedMs = watchedAtChange.get(key);
      return watchedMs === undefined ? undefined : Math.max(0, watched.totalMs() - watchedMs);
    },
    missingMs: (key) => (known.get(key) === undefined ? missing.missingMs(key, watched.totalMs()) : 0),
    lastReportElapsedMs: () => watched.lastReportElapsedMs(),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    waitUntil: async (key, predicate, limitMs, signal) =>
      (await waitForObject(key, predicate, limitMs, signal)) !== undefined,
    waitFor: async (key, predicate, limitMs, signal) =>
      (await waitForObject(key, predicate, limitMs, signal))?.found,
    listAgain: () => {
      known.forgetOwnWrites();
      following?.listAgain();
    },
    run: async (signal) => {
      following = followSource(
        { ...options, settings: { ...defaultFollowSettings, ...options.settings } },
        source,
        { onList, onEvent },
        signal,
      );
      await following.ended;
    },
  };
}
