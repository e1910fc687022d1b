import type { Kind, KindMap } from "../ports/object-store.ts";
import { indexesOf } from "./cache-indexes.ts";
import { isVersionAtLeast } from "./compare-versions.ts";

/** What happened to one object in a cache. */
export interface CachedChange<K extends Kind> {
  readonly name: string;
  readonly previous: KindMap[K] | undefined;
  readonly current: KindMap[K] | undefined;
}

/** The objects of one kind as far as they are known: a plain data structure with indexes, no I/O. Each write answers what it changed. */
export class CachedKind<K extends Kind> {
  readonly #indexes: ReadonlyMap<string, { readonly keysOf: (object: KindMap[K]) => readonly string[]; readonly names: Map<string, Set<string>> }>;
  readonly #objects = new Map<string, KindMap[K]>();
  readonly #changedAtMs = new Map<string, number>();
  /** The versions of our own writes that the watch has not told yet, by object. */
  readonly #aheadOfWatch = new Map<string, string>();
  #seenVersion: string | undefined;

  constructor(kind: K) {
    this.#indexes = new Map([...indexesOf(kind)].map(([name, keysOf]) => [name, { keysOf, names: new Map() }]));
  }

  /** Up to which version everything is known; undefined before the first list. */
  get seenVersion(): string | undefined {
    return this.#seenVersion;
  }

  get(name: string): KindMap[K] | undefined {
    return this.#objects.get(name);
  }

  /** All objects, sorted by name. */
  list(): readonly KindMap[K][] {
    return sortedByName([...this.#objects.values()]);
  }

  /** The objects that have `key` in an index, sorted by name. */
  byIndex(index: string, key: string): readonly KindMap[K][] {
    return sortedByName([...(this.#indexes.get(index)?.names.get(key) ?? [])].flatMap((name) => this.#objects.get(name) ?? []));
  }

  changedAtMs(name: string): number | undefined {
    return this.#changedAtMs.get(name);
  }

  /** Takes over a list: what it lacks is gone, unless it was learnt from a write that is later than the list. */
  replaceAll(items: readonly KindMap[K][], resourceVersion: string, nowMs: number): readonly CachedChange<K>[] {
    this.#seenVersion = resourceVersion;
    const listed = new Set(items.map((item) => item.metadata.name));
    const gone = [...this.#objects.keys()].toSorted().filter((name) => !listed.has(name) && !this.#isAhead(name, resourceVersion));
    const current = items.filter((item) => !this.#isAhead(item.metadata.name, resourceVersion));
    return [...gone.flatMap((name) => this.#remove(name)), ...current.flatMap((item) => this.#put(item, nowMs))];
  }

  /** Takes over a watch event. */
  apply(event: { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: KindMap[K] }, nowMs: number): readonly CachedChange<K>[] {
    const { name, resourceVersion } = event.object.metadata;
    this.#seenVersion = resourceVersion;
    if (this.#isAhead(name, resourceVersion)) return [];
    return event.type === "DELETED" ? this.#remove(name) : this.#put(event.object, nowMs);
  }

  /** Everything up to `resourceVersion` is known. */
  advance(resourceVersion: string): void {
    this.#seenVersion = resourceVersion;
  }

  /** Takes over what a write of our own was answered, unless the watch is already past it. */
  remember(object: KindMap[K], nowMs: number): readonly CachedChange<K>[] {
    const { name, resourceVersion } = object.metadata;
    if (this.#seenVersion === undefined || !isLater(resourceVersion, this.#seenVersion) || this.#isAhead(name, resourceVersion)) return [];
    this.#aheadOfWatch.set(name, resourceVersion);
    const isRemoved = object.metadata.deletionTimestamp !== undefined && (object.metadata.finalizers ?? []).length === 0;
    return isRemoved ? this.#remove(name) : this.#put(object, nowMs);
  }

  /** Whether a write of our own has told more of the object than the store had said by `version`. */
  #isAhead(name: string, version: string): boolean {
    const own = this.#aheadOfWatch.get(name);
    if (own !== undefined && isLater(own, version)) return true;
    this.#aheadOfWatch.delete(name);
    return false;
  }

  #put(object: KindMap[K], nowMs: number): readonly CachedChange<K>[] {
    const { name, resourceVersion } = object.metadata;
    const previous = this.#objects.get(name);
    if (previous?.metadata.resourceVersion === resourceVersion) return [];
    this.#index(previous, object);
    this.#objects.set(name, object);
    this.#changedAtMs.set(name, nowMs);
    return [{ name, previous, current: object }];
  }

  #remove(name: string): readonly CachedChange<K>[] {
    const previous = this.#objects.get(name);
    if (previous === undefined) return [];
    this.#index(previous, undefined);
    this.#objects.delete(name);
    this.#changedAtMs.delete(name);
    return [{ name, previous, current: undefined }];
  }

  #index(previous: KindMap[K] | undefined, current: KindMap[K] | undefined): void {
    for (const { keysOf, names } of this.#indexes.values()) {
      for (const key of previous === undefined ? [] : keysOf(previous)) {
        const indexed = names.get(key);
        indexed?.delete(previous?.metadata.name ?? "");
        if (indexed?.size === 0) names.delete(key);
      }
      for (const key of current === undefined ? [] : keysOf(current)) {
        const indexed = names.get(key) ?? new Set();
        names.set(key, indexed.add(current?.metadata.name ?? ""));
      }
    }
  }
}

function isLater(left: string, right: string): boolean {
  return left !== right && isVersionAtLeast(left, right);
}

function sortedByName<T extends KindMap[Kind]>(objects: readonly T[]): readonly T[] {
  return objects.toSorted((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
}
