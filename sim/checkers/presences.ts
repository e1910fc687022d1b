/** What is there now, by key, and for how long it may be gone and still count as there, in milliseconds. */
export type Present = ReadonlyMap<string, number>;

/** Since when things are there, as far as they were looked at. */
export interface Presences {
  look(present: Present): void;
  /** How long something has been there, in milliseconds; negative infinity where it is not. */
  forMs(key: string): number;
}

interface Presence {
  readonly sinceMs: number;
  readonly goneMaxMs: number;
  /** When it was first found gone; undefined while it is there. */
  readonly goneAtMs: number | undefined;
}

/** Nothing was there yet. `nowMs`: milliseconds of the run. */
export function createPresences(nowMs: () => number): Presences {
  let presences: ReadonlyMap<string, Presence> = new Map();
  return {
    look: (present) => {
      const atMs = nowMs();
      const next = new Map<string, Presence>();
      for (const [key, presence] of presences) {
        const { goneAtMs = atMs, goneMaxMs } = presence;
        if (atMs - goneAtMs <= goneMaxMs) next.set(key, { ...presence, goneAtMs });
      }
      for (const [key, goneMaxMs] of present) {
        next.set(key, { sinceMs: next.get(key)?.sinceMs ?? atMs, goneMaxMs, goneAtMs: undefined });
      }
      presences = next;
    },
    forMs: (key) => {
      const presence = presences.get(key);
      return presence?.goneAtMs === undefined
        ? nowMs() - (presence?.sinceMs ?? Number.POSITIVE_INFINITY)
        : Number.NEGATIVE_INFINITY;
    },
  };
}
