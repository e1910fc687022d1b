import type { SourceCache } from "../../ports/store/source-cache.ts";
import type { SourceObject } from "../../ports/store/source.ts";

/** The same cache with only the objects for which `isShown` holds. `onChange` reports all of them. */
export function filteredCache<T extends SourceObject, Index extends string>(
  cache: SourceCache<T, Index>,
  isShown: (object: T) => boolean,
): SourceCache<T, Index> {
  const shown = (object: T | undefined): T | undefined =>
    object !== undefined && isShown(object) ? object : undefined;
  // Almost always all are shown: then the cache's own list is answered.
  const allShown = (objects: readonly T[]): readonly T[] =>
    objects.every(isShown) ? objects : objects.filter(isShown);
  return {
    ...cache,
    get: (key) => shown(cache.get(key)),
    list: () => allShown(cache.list()),
    byIndex: (index, value) => allShown(cache.byIndex(index, value)),
    waitUntil: (key, predicate, limitMs, signal) =>
      cache.waitUntil(key, (object) => predicate(shown(object)), limitMs, signal),
    waitFor: async (key, predicate, limitMs, signal) =>
      shown(await cache.waitFor(key, (object) => predicate(shown(object)), limitMs, signal)),
  };
}
