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

/** Caches by their names, as one. */
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
