import type { Labels } from "../../../core/schedule/pod-rules.ts";

/** The most different sets of labels that are remembered. */
const POOLED_MAX = 20_000;

/**
 * Returns the same object for equal labels: the thousand pods of one Deployment then hold one set of
 * labels instead of a thousand.
 */
export function createLabelPool(): (labels: Labels) => Labels {
  const pool = new Map<string, Labels>();
  return (labels) => {
    const key = JSON.stringify(Object.entries(labels).toSorted(([left], [right]) => (left < right ? -1 : 1)));
    const known = pool.get(key);
    if (known !== undefined) return known;
    const oldest = pool.size >= POOLED_MAX ? pool.keys().next().value : undefined;
    if (oldest !== undefined) pool.delete(oldest);
    pool.set(key, labels);
    return labels;
  };
}
