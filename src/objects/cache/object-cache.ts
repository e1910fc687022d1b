import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Random } from "../../ports/random.ts";
import type { Kind, KindMap, ObjectStore } from "../../ports/store/object-store.ts";
import type { SourceCache, WaitLimit } from "../../ports/store/source-cache.ts";
import type { Source } from "../../ports/store/source.ts";
import type { FollowSettings } from "../../runtime/cache/follow-source.ts";
import { createSourceCache } from "../../runtime/cache/source-cache.ts";
import { createAttachmentFilter, type IgnoredAttachment } from "./attachment-filter.ts";
import { indexesOf } from "./cache-indexes.ts";
import type { IndexName } from "./cache-indexes.ts";

/** A change of an object: `previous` undefined: it is new; `current` undefined: it is gone. */
export type ObjectChange = {
  readonly [K in Kind]: {
    readonly kind: K;
    readonly name: string;
    readonly previous: KindMap[K] | undefined;
    readonly current: KindMap[K] | undefined;
  };
}[Kind];

/**
 * What this process knows of the object store: filled by `run`, always a moment behind. Everything that
 * matters is written conditionally, so a stale answer costs an attempt, never safety.
 *
 * AzVolumeAttachments whose name, volume and disk contradict each other are left out of every answer but
 * `ignoredAttachment` and `onChange`: a node's token may create objects, which must lead to no grant or
 * attach.
 */
export interface ObjectCache {
  get<K extends Kind>(kind: K, name: string): KindMap[K] | undefined;
  /** All objects of a kind, sorted by name. */
  list<K extends Kind>(kind: K): readonly KindMap[K][];
  /** The objects that have `key` in one of the kind's indexes (`cache-indexes.ts`), sorted by name. */
  byIndex<K extends Kind>(kind: K, index: IndexName<K>, key: string): readonly KindMap[K][];
  /**
   * An AzVolumeAttachment that is ignored, and why; undefined if there is none of that name, or it is
   * consistent.
   */
  ignoredAttachment(name: string): IgnoredAttachment | undefined;
  /** Names of all ignored attachments, sorted. */
  ignoredAttachments(): readonly string[];
  /** Whether every kind has been listed once. Before that, an object that is not here may exist. */
  hasSynced(): boolean;
  /** Waits until `hasSynced`. Rejects with the signal's reason. */
  untilSynced(signal: AbortSignal): Promise<void>;
  /** Whether the cache has seen everything up to a version, such as that of a write. */
  hasSeen(kind: Kind, resourceVersion: string): boolean;
  /**
   * Adds a write's response to the cache at once, unless the watch is past it already, so that a process
   * reads its own writes.
   */
  remember<K extends Kind>(kind: K, object: KindMap[K]): void;
  /**
   * When this cache saw the object's last change, on the clock's `elapsedMs`; undefined if it doesn't
   * know the object.
   */
  lastChangedElapsedMs(kind: Kind, name: string): number | undefined;
  /**
   * How long the object has been unchanged, on this process's clock, whether or not the store was
   * reachable.
   */
  unchangedMs(kind: Kind, name: string): number | undefined;
  /** The same without its status: how long the object's spec has been unchanged. */
  askedMs(kind: Kind, name: string): number | undefined;
  /**
   * How long the object has been *watched* unchanged: up to the last time that the store reported
   * anything of this kind, and without long silences. For judging nodes by their silence: a process or a
   * watch that was paused has watched nothing.
   */
  watchedUnchangedMs(kind: Kind, name: string): number | undefined;
  /**
   * How long the object has been missing while it was watched for, in milliseconds, up to 600,000; 0
   * where it exists. A cache that has just started has missed nothing yet.
   */
  missingMs(kind: Kind, name: string): number;
  /**
   * When the store last reported anything of this kind, on the clock's `elapsedMs`; undefined before the
   * first list.
   */
  lastHeardElapsedMs(kind: Kind): number | undefined;
  /**
   * Calls `listener` after each change, also for the first list and for ignored attachments. A listener's
   * exception is logged. Answers how to stop it.
   */
  onChange(listener: (change: ObjectChange) => void): () => void;
  /**
   * Waits until `predicate` holds for the object (undefined: there is none), without polling; never before
   * the kind has been listed. Answers whether it did within the limit. Rejects with the signal's reason,
   * and with whatever `predicate` throws.
   */
  waitUntil<K extends Kind>(
    kind: K,
    name: string,
    predicate: (object: KindMap[K] | undefined) => boolean,
    limit: WaitLimit,
    signal: AbortSignal,
  ): Promise<boolean>;
  /**
   * The same, answering the object for which it held; undefined if it did not hold in time, or held for a
   * missing object.
   */
  waitFor<K extends Kind>(
    kind: K,
    name: string,
    predicate: (object: KindMap[K] | undefined) => boolean,
    limit: WaitLimit,
    signal: AbortSignal,
  ): Promise<KindMap[K] | undefined>;
  /**
   * Lists every kind again at once, and drops own writes that the watch has not confirmed: after a
   * rollback of the store.
   */
  listAgain(): void;
  /**
   * Keeps the cache up to date until `signal` is aborted; returns once nothing is left running. Called
   * once.
   */
  run(signal: AbortSignal): Promise<void>;
}

/** Only its heartbeat shows that a node is alive: a controller's write to its object does not. */
function signOfLifeOf<K extends Kind>(kind: K): { readonly signOfLife?: (object: KindMap[K]) => unknown } {
  if (kind !== "AzDriverNode") return {};
  return {
    signOfLife: (object) =>
      `${object.metadata.uid} ${(object as KindMap["AzDriverNode"]).status?.heartbeat ?? ""}`,
  };
}

/** The dependencies of a cache. */
export interface ObjectCacheOptions {
  readonly store: ObjectStore;
  /** Kinds with a source of their own to list and watch. Default: none, all over `store`. */
  readonly stores?: { readonly [K in Kind]?: ObjectStore };
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The kinds to follow. A request for another one is a bug. */
  readonly kinds: readonly Kind[];
  readonly settings?: Partial<FollowSettings>;
}

/** An empty cache; `run` fills it. */
export function createObjectCache(options: ObjectCacheOptions): ObjectCache {
  const { store, stores = {}, clock, kinds } = options;
  const caches = new Map<Kind, SourceCache<KindMap[Kind], string>>(
    kinds.map((kind) => [kind, cacheOf(kind)]),
  );

  function cacheOf<K extends Kind>(kind: K): SourceCache<KindMap[Kind], string> {
    const cache = createSourceCache<KindMap[K], IndexName<K>>({
      ...options,
      source: storeSource(stores[kind] ?? store, kind),
      indexes: indexesOf(kind),
      ...signOfLifeOf(kind),
    });
    // Only `of` reads the map, by the same kind.
    return cache as unknown as SourceCache<KindMap[Kind], string>;
  }

  function of<K extends Kind>(kind: K): SourceCache<KindMap[K], IndexName<K>> {
    const found = caches.get(kind);
    if (found === undefined) throw new Error(`this cache doesn't follow ${kind}: add it to its kinds`);
    // The map is filled above with one cache a kind; its key says which.
    return found as unknown as SourceCache<KindMap[K], IndexName<K>>;
  }

  const filter = createAttachmentFilter(
    (volumeName) => caches.get("AzVolume")?.get(volumeName) as KindMap["AzVolume"] | undefined,
  );

  /** Every answer about objects comes from here. */
  function isShown<K extends Kind>(kind: K, object: KindMap[K] | undefined): boolean {
    return (
      kind !== "AzVolumeAttachment" ||
      object === undefined ||
      filter.problem(object as AzVolumeAttachment) === undefined
    );
  }

  function shown<K extends Kind>(kind: K, objects: readonly KindMap[K][]): readonly KindMap[K][] {
    return kind !== "AzVolumeAttachment" || objects.every((object) => isShown(kind, object))
      ? objects
      : objects.filter((object) => isShown(kind, object));
  }

  function judging<K extends Kind>(
    kind: K,
    predicate: (object: KindMap[K] | undefined) => boolean,
  ): typeof predicate {
    return (object) => predicate(isShown(kind, object) ? object : undefined);
  }

  return {
    get: (kind, name) => {
      const found = of(kind).get(name);
      return isShown(kind, found) ? found : undefined;
    },
    list: (kind) => shown(kind, of(kind).list()),
    byIndex: (kind, index, key) => shown(kind, of(kind).byIndex(index, key)),
    ignoredAttachment: (name) => {
      const attachment = of("AzVolumeAttachment").get(name);
      const because = attachment === undefined ? undefined : filter.problem(attachment);
      return attachment === undefined || because === undefined ? undefined : { attachment, because };
    },
    ignoredAttachments: () =>
      of("AzVolumeAttachment")
        .list()
        .flatMap((attachment) => (isShown("AzVolumeAttachment", attachment) ? [] : attachment.metadata.name)),
    hasSynced: () => kinds.every((kind) => of(kind).hasSynced()),
    untilSynced: async (signal) => {
      await Promise.all(kinds.map((kind) => of(kind).untilSynced(signal)));
    },
    hasSeen: (kind, resourceVersion) => of(kind).hasSeen(resourceVersion),
    remember: (kind, object) => of(kind).remember(object),
    lastChangedElapsedMs: (kind, name) => of(kind).lastChangedElapsedMs(name),
    unchangedMs: (kind, name) => {
      const changedAtMs = of(kind).lastChangedElapsedMs(name);
      return changedAtMs === undefined ? undefined : clock.elapsedMs() - changedAtMs;
    },
    askedMs: (kind, name) => {
      const askedAtMs = of(kind).lastAskedElapsedMs(name);
      return askedAtMs === undefined ? undefined : clock.elapsedMs() - askedAtMs;
    },
    watchedUnchangedMs: (kind, name) => of(kind).watchedUnchangedMs(name),
    missingMs: (kind, name) => of(kind).missingMs(name),
    lastHeardElapsedMs: (kind) => of(kind).lastHeardElapsedMs(),
    onChange: (listener) => {
      const stops = kinds.map((kind) =>
        of(kind).onChange(({ key, previous, current }) =>
          listener({ kind, name: key, previous, current } as ObjectChange),
        ),
      );
      return () => {
        for (const stop of stops) stop();
      };
    },
    waitUntil: (kind, name, predicate, limit, signal) =>
      of(kind).waitUntil(name, judging(kind, predicate), limit, signal),
    waitFor: async (kind, name, predicate, limit, signal) => {
      const found = await of(kind).waitFor(name, judging(kind, predicate), limit, signal);
      return isShown(kind, found) ? found : undefined;
    },
    listAgain: () => {
      for (const kind of kinds) of(kind).listAgain();
    },
    run: async (signal) => {
      await Promise.all(kinds.map((kind) => of(kind).run(signal)));
    },
  };
}

/** One kind of a store as a source. Its objects have no namespace, so their key is their name. */
function storeSource<K extends Kind>(store: ObjectStore, kind: K): Source<KindMap[K]> {
  return {
    name: kind,
    list: (signal) => store.list(kind, {}, signal),
    watch: (resourceVersion, signal) => store.watch(kind, {}, resourceVersion, signal),
  };
}
