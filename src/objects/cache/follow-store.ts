import type { ObjectStore } from "../../ports/store/object-store.ts";
import { createObjectCache, type ObjectCache, type ObjectCacheOptions } from "./object-cache.ts";
import { writeThroughStore } from "./write-through-store.ts";

/** An empty cache of a store, and the same store with writes that enter the cache at once. */
export function followStore(options: ObjectCacheOptions): {
  readonly cache: ObjectCache;
  readonly store: ObjectStore;
} {
  const cache = createObjectCache(options);
  return { cache, store: writeThroughStore(options.store, { clock: options.clock, cache }, options.kinds) };
}
