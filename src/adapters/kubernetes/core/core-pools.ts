import type { Labels, NodeSelectorTerm } from "../../../core/schedule/pod-rules.ts";

/** The most different values that a pool remembers. */
const POOLED_MAX = 20_000;

/** Returns the same object for equal values. */
export type Pool<T> = (value: T) => T;

/** The thousand pods of one Deployment hold one set of labels instead of a thousand. */
export function createLabelPool(): Pool<Labels> {
  return createPool((labels) =>
    JSON.stringify(Object.entries(labels).toSorted(([left], [right]) => (left < right ? -1 : 1))),
  );
}

/** The thousand PersistentVolumes of one zone hold one node affinity. */
export function createNodeAffinityPool(): Pool<readonly NodeSelectorTerm[]> {
  return createPool((terms) => JSON.stringify(terms));
}

function createPool<T>(keyOf: (value: T) => string): Pool<T> {
  const pool = new Map<string, T>();
  return (value) => {
    const key = keyOf(value);
    const known = pool.get(key);
    if (known !== undefined) return known;
    const oldest = pool.size >= POOLED_MAX ? pool.keys().next().value : undefined;
    if (oldest !== undefined) pool.delete(oldest);
    pool.set(key, value);
    return value;
  };
}
