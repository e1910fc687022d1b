import type { SourceCache } from "../../ports/store/source-cache.ts";

type AnyCache = Pick<SourceCache<never>, "hasSynced" | "untilSynced" | "run">;

export interface AllCaches {
  /** Which of them have not been listed yet, as text; undefined if all have. */
  readonly whyNotSynced: () => string | undefined;
  /** Waits until all have been listed. Rejects with the signal's reason. */
  readonly untilSynced: (signal: AbortSignal) => Promise<void>;
  /** Keeps them up to date until `signal` is aborted. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

export function allCaches(caches: Readonly<Record<string, AnyCache>>): AllCaches {
  const all = Object.entries(caches);
  return {
    whyNotSynced: () => {
      const missing = all.filter(([, cache]) => !cache.hasSynced()).map(([name]) => name);
      return missing.length === 0 ? undefined : `not listed yet: ${missing.join(", ")}`;
    },
    untilSynced: async (signal) => {
      await Promise.all(all.map(([, cache]) => cache.untilSynced(signal)));
    },
    run: async (signal) => {
      await Promise.all(all.map(([, cache]) => cache.run(signal)));
    },
  };
}

/**
 * For how long a source may report nothing until what a cache has of it counts as old, in milliseconds.
 * Kubernetes sends a bookmark a minute, but some servers none for a quiet resource, and proxies end idle
 * watches before it comes. So a follower lists a source that has been silent for 180 s on watches that it
 * accepts, which leaves two minutes for the list.
 */
export const STALE_AFTER_MS = 300_000;

/** Which of the caches are old, as text; undefined: none. `nowMs`: the clock's `elapsedMs`. */
export function whyStale(
  caches: Readonly<Record<string, Pick<SourceCache<never>, "lastReportElapsedMs">>>,
  nowMs: number,
): string | undefined {
  const stale = Object.entries(caches)
    .filter(([, cache]) => nowMs - (cache.lastReportElapsedMs() ?? nowMs) >= STALE_AFTER_MS)
    .map(([name]) => name);
  return stale.length === 0 ? undefined : `not seen for ${STALE_AFTER_MS / 1_000} s: ${stale.join(", ")}`;
}
