import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/logger.ts";
import type { Kind, KindMap, ObjectStore } from "../ports/object-store.ts";
import type { Random } from "../ports/random.ts";
import type { IndexName } from "./cache-indexes.ts";
import { CachedKind } from "./cached-kind.ts";
import type { CachedChange } from "./cached-kind.ts";
import { isVersionAtLeast } from "./compare-versions.ts";
import { defaultFollowSettings, followStore } from "./follow-store.ts";
import type { FollowSettings } from "./follow-store.ts";

/** The longest time that a silence of the store counts as watching; a longer one is a store, a watch or a process of ours that stood still. */
const WATCHED_GAP_MAX_MS = 15_000;
/** The longest timer of the platform. */
const SLEEP_MAX_MS = 2 ** 31 - 1;

/** What happened to an object: `previous` undefined: it is new; `current` undefined: it is gone. */
export type ObjectChange = { readonly [K in Kind]: { readonly kind: K } & CachedChange<K> }[Kind];

/** How long to wait, on whose clock. */
interface WaitLimit {
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/**
 * What this process knows of the object store: filled by `run`, always a moment behind. Everything that matters is written conditionally, so a
 * stale answer costs an attempt, never safety.
 */
export interface ObjectCache {
  get<K extends Kind>(kind: K, name: string): KindMap[K] | undefined;
  /** All objects of a kind, sorted by name. */
  list<K extends Kind>(kind: K): readonly KindMap[K][];
  /** The objects that have `key` in one of the kind's indexes (`cache-indexes.ts`), sorted by name. */
  byIndex<K extends Kind>(kind: K, index: IndexName<K>, key: string): readonly KindMap[K][];
  /** Whether every kind has been listed once. Before that, an object that isn't here may well exist. */
  hasSynced(): boolean;
  /** Waits until `hasSynced`. Rejects with the signal's reason. */
  untilSynced(signal: AbortSignal): Promise<void>;
  /** Whether the cache has been told everything up to a version, such as that of a write. */
  hasSeen(kind: Kind, resourceVersion: string): boolean;
  /** Puts what a write was answered into the cache at once, unless the watch is past it already: so one reads one's own writes. */
  remember<K extends Kind>(kind: K, object: KindMap[K]): void;
  /** When this cache learnt of the object's last change, on the clock's `elapsedMs`; undefined if it doesn't know the object. */
  lastChangedElapsedMs(kind: Kind, name: string): number | undefined;
  /** How long the object has been unchanged, on our own clock, whether or not the store could be heard. */
  unchangedMs(kind: Kind, name: string): number | undefined;
  /**
   * How long the object has been *watched* unchanged: up to the last time that the store said anything of this kind, and without long silences.
   * For judging others by their silence: a process or a watch that stood still has watched nobody.
   */
  watchedUnchangedMs(kind: Kind, name: string): number | undefined;
  /** When the store last said anything of this kind, on the clock's `elapsedMs`; undefined before the first list. */
  lastHeardElapsedMs(kind: Kind): number | undefined;
  /** Calls `listener` after each change, also for what the first list brings. One that throws is logged. Answers how to stop it. */
  onChange(listener: (change: ObjectChange) => void): () => void;
  /**
   * Waits until `predicate` holds for the object (undefined: there is none), without polling; never before the kind has been listed.
   * Answers whether it did within the limit. Rejects with the signal's reason, and with whatever `predicate` throws.
   */
  waitUntil<K extends Kind>(
    kind: K,
    name: string,
    predicate: (object: KindMap[K] | undefined) => boolean,
    limit: WaitLimit,
    signal: AbortSignal,
  ): Promise<boolean>;
  /** The same, answering the object for which it held; undefined if it didn't hold in time, or held for an object that is not there. */
  waitFor<K extends Kind>(
    kind: K,
    name: string,
    predicate: (object: KindMap[K] | undefined) => boolean,
    limit: WaitLimit,
    signal: AbortSignal,
  ): Promise<KindMap[K] | undefined>;
  /** Keeps the cache up to date until `signal` is aborted; returns once nothing is left running. To be called once. */
  run(signal: AbortSignal): Promise<void>;
}

/** What a cache works with. */
export interface ObjectCacheOptions {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The kinds to follow. Asking for another is a bug. */
  readonly kinds: readonly Kind[];
  readonly settings?: Partial<FollowSettings>;
}

/** An empty cache; `run` fills it. */
export function createObjectCache(options: ObjectCacheOptions): ObjectCache {
  const { clock, logger, kinds } = options;
  const settings = { ...defaultFollowSettings, ...options.settings };
  const cached = new Map<Kind, CachedKind<Kind>>(kinds.map((kind) => [kind, new CachedKind<Kind>(kind)]));
  const watched = new Map<Kind, WatchedTime>(kinds.map((kind) => [kind, createWatchedTime(clock)]));
  const watchedAtChange = new Map<Kind, Map<string, number>>(kinds.map((kind) => [kind, new Map()]));
  const listeners = new Set<(change: ObjectChange) => void>();
  const waiters = new Set<(kind: Kind, name: string | undefined) => void>();

  function of<K extends Kind>(kind: K): CachedKind<K> {
    const found = cached.get(kind);
    if (found === undefined) throw new Error(`this cache doesn't follow ${kind}: add it to its kinds`);
    // The map is filled above with one cache a kind; its key says which.
    return found as unknown as CachedKind<K>;
  }

  function publish<K extends Kind>(kind: K, changes: readonly CachedChange<K>[]): void {
    const watchedMs = watched.get(kind)?.totalMsNow() ?? 0;
    for (const { name, current } of changes) {
      if (current === undefined) watchedAtChange.get(kind)?.delete(name);
      else watchedAtChange.get(kind)?.set(name, watchedMs);
    }
    for (const change of changes) {
      for (const listener of [...listeners]) tell(listener, { kind, ...change } as ObjectChange);
      for (const look of [...waiters]) look(kind, change.name);
    }
  }

  function tell(listener: (change: ObjectChange) => void, change: ObjectChange): void {
    try {
      listener(change);
    } catch (error) {
      logger.error("cache listener threw: a bug", {
        objectKind: change.kind,
        name: change.name,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    }
  }

  function follow<K extends Kind>(kind: K, signal: AbortSignal): Promise<void> {
    const known = of(kind);
    return followStore<K>(
      { ...options, settings },
      kind,
      {
        listed: (items, resourceVersion) => {
          watched.get(kind)?.hear();
          publish(kind, known.replaceAll(items, resourceVersion, clock.elapsedMs()));
          for (const look of [...waiters]) look(kind, undefined);
        },
        told: (event) => {
          watched.get(kind)?.hear();
          if (event.type === "BOOKMARK") known.advance(event.resourceVersion);
          else publish(kind, known.apply(event, clock.elapsedMs()));
        },
      },
      signal,
    );
  }

  /** Waits until `look` finds something; it is asked now, after each change that concerns it, and after each list. */
  async function waitForMatch<T>(
    look: () => { readonly found: T } | undefined,
    concerns: (kind: Kind, name: string | undefined) => boolean,
    limit: WaitLimit,
    signal: AbortSignal,
  ): Promise<{ readonly found: T } | undefined> {
    signal.throwIfAborted();
    let match = look();
    if (match !== undefined) return match;
    let thrown: { readonly error: unknown } | undefined;
    const ended = new AbortController();
    const abort = (): void => ended.abort();
    const lookAgain = (kind: Kind, name: string | undefined): void => {
      if (ended.signal.aborted || !concerns(kind, name)) return;
      try {
        match = look();
      } catch (error) {
        thrown = { error };
      }
      if (match !== undefined || thrown !== undefined) ended.abort();
    };
    waiters.add(lookAgain);
    signal.addEventListener("abort", abort);
    try {
      await limit.clock.sleep(Math.min(limit.timeoutMs, SLEEP_MAX_MS), ended.signal);
    } catch (error) {
      if (!ended.signal.aborted) throw error;
    } finally {
      waiters.delete(lookAgain);
      signal.removeEventListener("abort", abort);
    }
    if (thrown !== undefined) throw thrown.error;
    if (match === undefined) signal.throwIfAborted();
    return match;
  }

  function waitForObject<K extends Kind>(
    kind: K,
    name: string,
    predicate: (object: KindMap[K] | undefined) => boolean,
    limit: WaitLimit,
    signal: AbortSignal,
  ): Promise<{ readonly found: KindMap[K] | undefined } | undefined> {
    const known = of(kind);
    const look = (): { readonly found: KindMap[K] | undefined } | undefined => {
      const object = known.get(name);
      return known.seenVersion !== undefined && predicate(object) ? { found: object } : undefined;
    };
    return waitForMatch(look, (changedKind, changedName) => changedKind === kind && (changedName === undefined || changedName === name), limit, signal);
  }

  const hasSynced = (): boolean => kinds.every((kind) => of(kind).seenVersion !== undefined);

  return {
    get: (kind, name) => of(kind).get(name),
    list: (kind) => of(kind).list(),
    byIndex: (kind, index, key) => of(kind).byIndex(index, key),
    hasSynced,
    untilSynced: async (signal) => {
      while (!hasSynced())
        await waitForMatch(
          () => (hasSynced() ? { found: true } : undefined),
          () => true,
          { timeoutMs: SLEEP_MAX_MS, clock },
          signal,
        );
    },
    hasSeen: (kind, resourceVersion) => {
      const { seenVersion } = of(kind);
      return seenVersion !== undefined && isVersionAtLeast(seenVersion, resourceVersion);
    },
    remember: (kind, object) => publish(kind, of(kind).remember(object, clock.elapsedMs())),
    lastChangedElapsedMs: (kind, name) => of(kind).changedAtMs(name),
    unchangedMs: (kind, name) => {
      const changedAtMs = of(kind).changedAtMs(name);
      return changedAtMs === undefined ? undefined : clock.elapsedMs() - changedAtMs;
    },
    watchedUnchangedMs: (kind, name) => {
      const watchedMs = watchedAtChange.get(kind)?.get(name);
      return watchedMs === undefined ? undefined : Math.max(0, (watched.get(kind)?.totalMs() ?? 0) - watchedMs);
    },
    lastHeardElapsedMs: (kind) => watched.get(kind)?.lastHeardElapsedMs(),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    waitUntil: async (kind, name, predicate, limit, signal) => (await waitForObject(kind, name, predicate, limit, signal)) !== undefined,
    waitFor: async (kind, name, predicate, limit, signal) => (await waitForObject(kind, name, predicate, limit, signal))?.found,
    run: async (signal) => {
      await Promise.all(kinds.map((kind) => follow(kind, signal)));
    },
  };
}

/** Adds up the time during which somebody was heard often enough to say that it was watched. */
interface WatchedTime {
  readonly hear: () => void;
  readonly totalMs: () => number;
  /** What the total will be if something is heard right now: an own write is learnt of between two words of the watch, and has not stood since the earlier one. */
  readonly totalMsNow: () => number;
  readonly lastHeardElapsedMs: () => number | undefined;
}

function createWatchedTime(clock: Clock): WatchedTime {
  let totalMs = 0;
  let lastHeardMs: number | undefined;
  const totalMsNow = (): number => totalMs + (lastHeardMs === undefined ? 0 : Math.min(clock.elapsedMs() - lastHeardMs, WATCHED_GAP_MAX_MS));
  return {
    hear: () => {
      totalMs = totalMsNow();
      lastHeardMs = clock.elapsedMs();
    },
    totalMs: () => totalMs,
    totalMsNow,
    lastHeardElapsedMs: () => lastHeardMs,
  };
}
