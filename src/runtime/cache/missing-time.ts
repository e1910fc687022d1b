/**
 * How long the disappearance of an object is remembered, in milliseconds of watched time: an upper limit
 * for memory and for answers.
 */
export const MISSING_REMEMBERED_MS = 600_000;

/** How long objects of one source have been missing, in milliseconds of watched time (`watched-time.ts`). */
export interface MissingTime {
  readonly came: (key: string) => void;
  readonly went: (key: string, watchedMs: number) => void;
  /**
   * Up to `MISSING_REMEMBERED_MS`, for an object that does not exist now. One that never existed has been
   * missing since watching began.
   */
  readonly missingMs: (key: string, watchedMs: number) => number;
}

/** A count without any object yet. */
export function createMissingTime(): MissingTime {
  /** The watched time at which each object disappeared, the earliest first. */
  const wentAtMs = new Map<string, number>();

  function forgetOld(watchedMs: number): void {
    for (const [key, atMs] of wentAtMs) {
      if (watchedMs - atMs < MISSING_REMEMBERED_MS) return;
      wentAtMs.delete(key);
    }
  }

  return {
    came: (key) => wentAtMs.delete(key),
    went: (key, watchedMs) => {
      forgetOld(watchedMs);
      wentAtMs.delete(key);
      wentAtMs.set(key, watchedMs);
    },
    missingMs: (key, watchedMs) =>
      Math.max(0, Math.min(MISSING_REMEMBERED_MS, watchedMs - (wentAtMs.get(key) ?? 0))),
  };
}
