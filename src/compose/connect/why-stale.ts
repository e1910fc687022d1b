import type { SourceCache } from "../../ports/store/source-cache.ts";

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
