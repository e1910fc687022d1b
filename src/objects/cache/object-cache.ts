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

/** What happened to an object: `previous` undefined: it is new; `current` undefined: it is gone. */
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
 * AzVolumeAttachments whose name, volume and disk contradict each other are as good as none, in every
 * answer but `ignoredAttachment` and `onChange`: a node's token may create objects, and nothing is granted
 * or attached on the word of one.
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
  /** Names of all that are ignored, sorted. */
  ignoredAttachments(): readonly string[];
  /** Whether every kind has been listed once. Before that, an object that isn't here may well exist. */
  hasSynced(): boolean;
  /** Waits until `hasSynced`. Rejects with the signal's reason. */
  untilSynced(signal: AbortSignal): Promise<void>;
  /** Whether the cache has been told everything up to a version, such as that of a write. */
  hasSeen(kind: Kind, resourceVersion: string): boolean;
  /**
   * Puts what a write was answered into the cache at once, unless the watch is past it already: so one
   * reads one's own writes.
   */
  remember<K extends Kind>(kind: K, object: KindMap[K]): void;
  /**
   * When this cache learnt of the object's last change, on the clock's `elapsedMs`; undefined if it doesn't
   * know the object.
   */
  lastChangedElapsedMs(kind: Kind, name: string): number | undefined;
  /** How long the object has been unchanged, on our own clock, whether or not the store could be heard. */
  unchangedMs(kind: Kind, name: string): number | undefined;
  /** The same but for its status: how long the object has asked for what it asks for now. */
  askedMs(kind: Kind, name: string): number | undefined;
  /**
   * How long the object has been *watched* unchanged: up to the last time that the store said anything of
   * this kind, and without long silences. For judging others by their silence: a process or a watch that
   * stood still has watched nobody.
   */
  watchedUnchangedMs(kind: Kind, name: string): number | undefined;
  /**
   * How long there has been no such object while it was watched for one, in milliseconds, up to 600,000; 0
   * where there is one. A cache that has just begun has missed nothing yet.
   */
  missingMs(kind: Kind, name: string): number;
  /**
   * When the store last said anything of this kind, on the clock's `elapsedMs`; undefined before the first
   * list.
   */
  lastHeardElapsedMs(kind: Kind): number | undefined;
  /**
   * Calls `listener` after each change, also for what the first list brings, ignored attachments included.
   * One that throws is logged. Answers how to stop it.
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
   * The same, answering the object for which it held; undefined if it didn't hold in time, or held for an
   * object that is not there.
   */
  waitFor<K extends Kind>(
    kind: K,
    name: string,
    predicate: (object: KindMap[K] | undefined) => boolean,
    limit: WaitLimit,
    signal: AbortSignal,
  ): Promise<KindMap[K] | undefined>;
  /**
   * Lists every kind again at once, and forgets own writes that the watch has not told: for whoever has
   * noticed that the store went back to a backup.
   */
  listAgain(): void;
  /**
   * Keeps the cache up to date until `signal` is aborted; returns once nothing is left running. To be
   * called once.
   */
  run(signal: AbortSignal): Promise<void>;
}

/**
 * A node is heard by its heartbeat alone: what a controller writes of a silent one is no word of the
 * node's.
 */
function signOfLifeOf<K extends Kind>(kind: K): { readonly signOfLife?: (object: KindMap[K]) => unknown } {
  if (kind !== "AzDriverNode") return {};
  return {
    signOfLife: (object) =>
      `${object.metadata.uid} ${(object as KindMap["AzDriverNode"]).status?.heartbeat ?? ""}`,
  };
}

/** What a cache works with. */
export interface ObjectCacheOptions {
  readonly store: ObjectStore;
  /** Kinds that are listed and watched over a way of their own. Default: none, all over `store`. */
  readonly stores?: { readonly [K in Kind]?: ObjectStore };
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The kinds to follow. Asking for another is a bug. */
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
    // Only `of` takes it out of the map again, by the same kind.
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

  /** Every answer about objects goes through here. */
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

/** One kind of a store as a source. Its objects have no namespace, so that their key is their name. */
function storeSource<K extends Kind>(store: ObjectStore, kind: K): Source<KindMap[K]> {
  return {
    name: kind,
    list: (signal) => store.list(kind, {}, signal),
    watch: (resourceVersion, signal) => store.watch(kind, {}, resourceVersion, signal),
  };
}
