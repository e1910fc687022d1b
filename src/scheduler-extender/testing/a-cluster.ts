import { aDriverNode } from "../../controller/testing/a-driver-node.ts";
import type { CachedChange, SourceCache } from "../../ports/store/source-cache.ts";
import { objectKey, type SourceObject } from "../../ports/store/source.ts";
import { type ClaimFacts, nodeFacts, type NodeFacts, type StorageClassFacts } from "../facts.ts";
import type { PlacementCaches } from "../placement-index.ts";

/** A cache that a test fills by hand. */
export interface FilledCache<T extends SourceObject> extends Pick<
  SourceCache<T, "diskKey">,
  "get" | "byIndex" | "onChange" | "watchedUnchangedMs"
> {
  put(object: T): void;
  remove(key: string): void;
  /** Sets how long every object has been watched unchanged. */
  setUnchangedMs(unchangedMs: number): void;
}

/** The caches of an extender, empty. */
export function aCluster(): {
  readonly [K in keyof PlacementCaches]: FilledCache<ObjectOf<PlacementCaches[K]>>;
} {
  return {
    volumes: filledCache(),
    attachments: filledCache(),
    nodes: filledCache(),
    claims: filledCache(),
    persistentVolumes: filledCache(),
    storageClasses: filledCache(),
  };
}

export function aHealthyNode(nodeName: string): NodeFacts {
  return nodeFacts(aDriverNode(nodeName));
}

/** A claim `default/data` of no class that waits for its first pod. */
export function aClaim(overrides: Partial<ClaimFacts> & { readonly name?: string }): ClaimFacts {
  const { name = "data", ...facts } = overrides;
  return {
    metadata: { name, namespace: "default", resourceVersion: "1" },
    volumeName: "",
    className: "",
    sourceClaim: "",
    hasAttributesClass: false,
    isBlock: false,
    ...facts,
  };
}

/** A class of the driver's for Linux. */
export function aStorageClass(name: string, overrides: Partial<StorageClassFacts> = {}): StorageClassFacts {
  const metadata = { name, resourceVersion: "1" };
  return { metadata, isOurs: true, skuName: "Premium_LRS", platform: "linux", ...overrides };
}

type ObjectOf<C> =
  C extends Pick<SourceCache<infer T extends SourceObject>, "get">
    ? T
    : C extends { byIndex(index: "diskKey", value: string): readonly (infer T extends SourceObject)[] }
      ? T
      : never;

function filledCache<T extends SourceObject>(): FilledCache<T> {
  const objects = new Map<string, T>();
  const listeners = new Set<(change: CachedChange<T>) => void>();
  let unchangedMs = 0;
  const change = (key: string, current: T | undefined): void => {
    const previous = objects.get(key);
    if (current === undefined) objects.delete(key);
    else objects.set(key, current);
    for (const listener of listeners) listener({ key, previous, current });
  };
  return {
    get: (key) => objects.get(key),
    byIndex: (index, value) =>
      [...objects.entries()]
        .filter(([, object]) => (object as Partial<Record<typeof index, string>>)[index] === value)
        .toSorted(([left], [right]) => (left < right ? -1 : 1))
        .map(([, object]) => object),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    watchedUnchangedMs: (key) => (objects.has(key) ? unchangedMs : undefined),
    put: (object) => change(objectKey(object), object),
    remove: (key) => change(key, undefined),
    setUnchangedMs: (ms) => {
      unchangedMs = ms;
    },
  };
}
