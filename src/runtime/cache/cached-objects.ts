import { isVersionAtLeast } from "../../core/primitives/is-version-at-least.ts";
import type { CachedChange } from "../../ports/store/source-cache.ts";
import { objectKey, type SourceObject } from "../../ports/store/source.ts";

/** The values under which an index finds an object. A pure function of the object. */
export type KeysOf<T> = (object: T) => readonly string[];

/** An index's objects under one value. `sorted`: kept from the first request until one of them changes. */
interface Indexed<T> {
  readonly keys: Set<string>;
  sorted: readonly T[] | undefined;
}

/** The known objects of one source, by key, with indexes: no I/O. Each write answers what it changed. */
export class CachedObjects<T extends SourceObject> {
  readonly #indexes: ReadonlyMap<
    string,
    { readonly keysOf: KeysOf<T>; readonly values: Map<string, Indexed<T>> }
  >;
  readonly #objects = new Map<string, T>();
  /** Plans ask for lists far more often than objects change. */
  #sorted: readonly T[] | undefined;
  readonly #changedAtMs = new Map<string, { readonly anyMs: number; readonly specMs: number }>();
  /** The versions of own writes that the watch has not confirmed yet, by object. */
  readonly #aheadOfWatch = new Map<string, string>();
  #seenVersion: string | undefined;

  constructor(indexes: Readonly<Record<string, KeysOf<T>>>) {
    this.#indexes = new Map(
      Object.entries(indexes).map(([name, keysOf]) => [name, { keysOf, values: new Map() }]),
    );
  }

  /** The version up to which everything is known; undefined before the first list. */
  get seenVersion(): string | undefined {
    return this.#seenVersion;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  /** All objects, sorted by key. */
  list(): readonly T[] {
    this.#sorted ??= this.#sortedOf(this.#objects.keys());
    return this.#sorted;
  }

  /** The objects that have `value` in an index, sorted by key. */
  byIndex(index: string, value: string): readonly T[] {
    const indexed = this.#indexes.get(index)?.values.get(value);
    if (indexed === undefined) return [];
    indexed.sorted ??= this.#sortedOf(indexed.keys);
    return indexed.sorted;
  }

  /** When the object was last seen to change: in any way, and other than in its status. */
  changedAtMs(key: string): { readonly anyMs: number; readonly specMs: number } | undefined {
    return this.#changedAtMs.get(key);
  }

  /** Applies a list: an object that it lacks is gone, unless a write later than the list has shown it. */
  replaceAll(items: readonly T[], resourceVersion: string, nowMs: number): readonly CachedChange<T>[] {
    const wentBack = this.#seenVersion !== undefined && isLater(this.#seenVersion, resourceVersion);
    if (wentBack) this.forgetOwnWrites();
    this.#seenVersion = resourceVersion;
    const listed = new Set(items.map(objectKey));
    const gone = [...this.#objects.keys()]
      .toSorted()
      .filter((key) => !listed.has(key) && !this.#isAhead(key, resourceVersion));
    const current = items.filter((item) => !this.#isAhead(objectKey(item), resourceVersion));
    return [
      ...gone.flatMap((key) => this.#remove(key)),
      ...current.flatMap((item) => this.#put(item, nowMs)),
    ];
  }

  /** Applies a watch event. */
  apply(
    event: { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T },
    nowMs: number,
  ): readonly CachedChange<T>[] {
    const key = objectKey(event.object);
    const { resourceVersion } = event.object.metadata;
    this.#seenVersion = resourceVersion;
    if (this.#isAhead(key, resourceVersion)) return [];
    return event.type === "DELETED" ? this.#remove(key) : this.#put(event.object, nowMs);
  }

  /** Everything up to `resourceVersion` is known. */
  advance(resourceVersion: string): void {
    this.#seenVersion = resourceVersion;
  }

  /** Applies the response of an own write, unless the watch is already past it. */
  remember(object: T, nowMs: number): readonly CachedChange<T>[] {
    const key = objectKey(object);
    const { resourceVersion } = object.metadata;
    if (
      this.#seenVersion === undefined ||
      !isLater(resourceVersion, this.#seenVersion) ||
      this.#isAhead(key, resourceVersion)
    )
      return [];
    this.#aheadOfWatch.set(key, resourceVersion);
    const isRemoved =
      object.metadata.deletionTimestamp !== undefined && (object.metadata.finalizers ?? []).length === 0;
    return isRemoved ? this.#remove(key) : this.#put(object, nowMs);
  }

  /** Own writes that the watch has not confirmed may be lost: the source's next report holds. */
  forgetOwnWrites(): void {
    this.#aheadOfWatch.clear();
  }

  /** Whether an own write showed a later state of the object than the source had reported by `version`. */
  #isAhead(key: string, version: string): boolean {
    const own = this.#aheadOfWatch.get(key);
    if (own !== undefined && isLater(own, version)) return true;
    this.#aheadOfWatch.delete(key);
    return false;
  }

  #put(object: T, nowMs: number): readonly CachedChange<T>[] {
    const key = objectKey(object);
    const previous = this.#objects.get(key);
    if (previous?.metadata.resourceVersion === object.metadata.resourceVersion) return [];
    this.#index(key, previous, object);
    this.#objects.set(key, object);
    const specMs = hasSameSpec(previous, object) ? (this.#changedAtMs.get(key)?.specMs ?? nowMs) : nowMs;
    this.#changedAtMs.set(key, { anyMs: nowMs, specMs });
    return [{ key, previous, current: object }];
  }

  #remove(key: string): readonly CachedChange<T>[] {
    const previous = this.#objects.get(key);
    if (previous === undefined) return [];
    this.#index(key, previous, undefined);
    this.#objects.delete(key);
    this.#changedAtMs.delete(key);
    return [{ key, previous, current: undefined }];
  }

  #index(key: string, previous: T | undefined, current: T | undefined): void {
    this.#sorted = undefined;
    for (const { keysOf, values } of this.#indexes.values()) {
      const [before, after] = [
        previous === undefined ? [] : keysOf(previous),
        current === undefined ? [] : keysOf(current),
      ];
      // Most changes are of the status: the object stays in its place.
      if (before.length === after.length && before.every((value, at) => value === after[at])) {
        for (const value of after) unsort(values.get(value));
        continue;
      }
      for (const value of before) {
        const indexed = values.get(value);
        if (indexed === undefined) continue;
        indexed.keys.delete(key);
        indexed.sorted = undefined;
        if (indexed.keys.size === 0) values.delete(value);
      }
      for (const value of after) {
        const indexed = values.get(value) ?? { keys: new Set(), sorted: undefined };
        indexed.keys.add(key);
        indexed.sorted = undefined;
        values.set(value, indexed);
      }
    }
  }

  #sortedOf(keys: Iterable<string>): readonly T[] {
    return [...keys].toSorted().flatMap((key) => this.#objects.get(key) ?? []);
  }
}

function unsort(indexed: Indexed<unknown> | undefined): void {
  if (indexed !== undefined) indexed.sorted = undefined;
}

/** Whether both have the same spec, by their generation. */
function hasSameSpec(
  previous: SourceObject | undefined,
  { metadata: { uid, generation } }: SourceObject,
): boolean {
  return (
    generation !== undefined && previous?.metadata.uid === uid && previous?.metadata.generation === generation
  );
}

function isLater(left: string, right: string): boolean {
  return left !== right && isVersionAtLeast(left, right);
}
