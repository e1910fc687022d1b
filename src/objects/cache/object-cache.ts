import { heartbeatOf } from "../../core/api/az-driver-node.ts";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Random } from "../../ports/random.ts";
import type { Kind, KindMap, ObjectStore } from "../../ports/store/object-store.ts";
import type { SourceCache } from "../../ports/store/source-cache.ts";
import type { Source } from "../../ports/store/source.ts";
import type { KeysOf } from "../../runtime/cache/cached-objects.ts";
import { filteredCache } from "../../runtime/cache/filtered-cache.ts";
import type { FollowSettings } from "../../runtime/cache/follow-source.ts";
import { createSourceCache } from "../../runtime/cache/source-cache.ts";
import { attachmentProblems, type IgnoredAttachment } from "./attachment-problems.ts";
import { cacheIndexes, type IndexName } from "./cache-indexes.ts";

/** A change of an object: `previous` undefined: it is new; `current` undefined: it is gone. */
export type ObjectChange<K extends Kind = Kind> = {
  readonly [P in K]: {
    readonly kind: P;
    readonly name: string;
    readonly previous: KindMap[P] | undefined;
    readonly current: KindMap[P] | undefined;
  };
}[K];

/** The cache of each kind; undefined: the kind is not followed. */
type SourceCaches = { readonly [K in Kind]: SourceCache<KindMap[K], IndexName<K>> | undefined };

/**
 * One `SourceCache` for each kind, which documents the methods of the same names. A request for a kind that
 * is not followed is a bug.
 */
export interface CachedKinds {
  readonly sources: SourceCaches;
  get<K extends Kind>(kind: K, name: string): KindMap[K] | undefined;
  /** All objects of a kind, sorted by name. */
  list<K extends Kind>(kind: K): readonly KindMap[K][];
  /** The objects that have `key` in one of the kind's indexes (`cache-indexes.ts`), sorted by name. */
  byIndex<K extends Kind>(kind: K, index: IndexName<K>, key: string): readonly KindMap[K][];
  remember<K extends Kind>(kind: K, object: KindMap[K]): void;
  unchangedMs(kind: Kind, name: string): number | undefined;
  specUnchangedMs(kind: Kind, name: string): number | undefined;
  watchedUnchangedMs(kind: Kind, name: string): number | undefined;
  missingMs(kind: Kind, name: string): number;
  lastReportElapsedMs(kind: Kind): number | undefined;
  waitUntil<K extends Kind>(
    kind: K,
    name: string,
    predicate: (object: KindMap[K] | undefined) => boolean,
    limitMs: number,
    signal: AbortSignal,
  ): Promise<boolean>;
  waitFor<K extends Kind>(
    kind: K,
    name: string,
    predicate: (object: KindMap[K] | undefined) => boolean,
    limitMs: number,
    signal: AbortSignal,
  ): Promise<KindMap[K] | undefined>;
}

/**
 * What this process knows of the object store: filled by `run`, always a moment behind. Everything that
 * matters is written conditionally, so a stale answer costs an attempt, never safety.
 *
 * AzVolumeAttachments whose name, volume and disk contradict each other are left out of every answer but
 * `ignoredAttachment` and `onChange`: a node's token may create objects, which must lead to no grant or
 * attach.
 */
export interface ObjectCache extends CachedKinds {
  /** An AzVolumeAttachment that is ignored, and why; undefined: there is none, or it is consistent. */
  ignoredAttachment(name: string): IgnoredAttachment | undefined;
  /** Names of all ignored attachments, sorted. */
  ignoredAttachments(): readonly string[];
  /** Whether every kind has been listed once. Before that, an object that is not here may exist. */
  hasSynced(): boolean;
  /** Waits until `hasSynced`. Rejects with the signal's reason. */
  untilSynced(signal: AbortSignal): Promise<void>;
  /** As `SourceCache.onChange`, for every kind; also for ignored attachments. */
  onChange(listener: (change: ObjectChange) => void): () => void;
  /** As `SourceCache.listAgain`, for every kind. */
  listAgain(): void;
  /** Keeps the cache up to date until `signal` is aborted; returns once nothing runs. Called once. */
  run(signal: AbortSignal): Promise<void>;
}

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
  const { store, stores = {}, kinds } = options;

  function follow<K extends Kind>(
    kind: K,
    indexes: { readonly [N in IndexName<K>]: KeysOf<KindMap[K]> },
    life: { readonly signOfLife?: (object: KindMap[K]) => unknown } = {},
  ): SourceCache<KindMap[K], IndexName<K>> | undefined {
    if (!kinds.includes(kind)) return undefined;
    return createSourceCache({
      ...options,
      source: storeSource(stores[kind] ?? store, kind),
      indexes,
      ...life,
    });
  }

  const volumes = follow("AzVolume", cacheIndexes.AzVolume);
  const attachments = follow("AzVolumeAttachment", cacheIndexes.AzVolumeAttachment);
  const problemOf = attachmentProblems((volumeName) => volumes?.get(volumeName));
  const isShown = (attachment: AzVolumeAttachment): boolean => problemOf(attachment) === undefined;
  const sources: SourceCaches = {
    AzVolume: volumes,
    AzVolumeAttachment: attachments && filteredCache(attachments, isShown),
    AzDriverNode: follow("AzDriverNode", cacheIndexes.AzDriverNode, { signOfLife: heartbeatOf }),
    ClusterNode: follow("ClusterNode", cacheIndexes.ClusterNode),
    Lease: follow("Lease", cacheIndexes.Lease),
  };
  const followed = kinds.flatMap((kind) => sources[kind] ?? []);
  return {
    ...cachedKinds(sources),
    ignoredAttachment: (name) => {
      const attachment = attachments?.get(name);
      const because = attachment && problemOf(attachment);
      return attachment && because ? { attachment, because } : undefined;
    },
    ignoredAttachments: () =>
      (attachments?.list() ?? [])
        .filter((attachment) => !isShown(attachment))
        .map(({ metadata }) => metadata.name),
    hasSynced: () => followed.every((cache) => cache.hasSynced()),
    untilSynced: async (signal) => {
      await Promise.all(followed.map((cache) => cache.untilSynced(signal)));
    },
    onChange: (listener) => {
      const stops = kinds.map((kind) =>
        sources[kind]?.onChange(({ key, previous, current }) =>
          listener({ kind, name: key, previous, current } as ObjectChange),
        ),
      );
      return () => {
        for (const stop of stops) stop?.();
      };
    },
    listAgain: () => {
      for (const cache of followed) cache.listAgain();
    },
    run: async (signal) => {
      await Promise.all(followed.map((cache) => cache.run(signal)));
    },
  };
}

/** Answers each request from the cache of its kind. */
export function cachedKinds(sources: SourceCaches): CachedKinds {
  function of<K extends Kind>(kind: K): SourceCache<KindMap[K], IndexName<K>> {
    const found: SourceCaches[K] = sources[kind];
    if (found === undefined) throw new Error(`this cache doesn't follow ${kind}: add it to its kinds`);
    return found;
  }

  return {
    sources,
    get: (kind, name) => of(kind).get(name),
    list: (kind) => of(kind).list(),
    byIndex: (kind, index, key) => of(kind).byIndex(index, key),
    remember: (kind, object) => of(kind).remember(object),
    unchangedMs: (kind, name) => of(kind).unchangedMs(name),
    specUnchangedMs: (kind, name) => of(kind).specUnchangedMs(name),
    watchedUnchangedMs: (kind, name) => of(kind).watchedUnchangedMs(name),
    missingMs: (kind, name) => of(kind).missingMs(name),
    lastReportElapsedMs: (kind) => of(kind).lastReportElapsedMs(),
    waitUntil: (kind, name, predicate, limitMs, signal) =>
      of(kind).waitUntil(name, predicate, limitMs, signal),
    waitFor: (kind, name, predicate, limitMs, signal) => of(kind).waitFor(name, predicate, limitMs, signal),
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
