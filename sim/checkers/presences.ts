/** The present keys, each with how long it may be absent and still count as present, in milliseconds. */
export type Present = ReadonlyMap<string, number>;

/** Since when keys are present, as far as they were observed. */
export interface Presences {
  look(present: Present): void;
  /** How long a key has been present, in milliseconds; negative infinity if it is absent. */
  forMs(key: string): number;
}

interface Presence {
  readonly sinceMs: number;
  readonly goneMaxMs: number;
  /** When it was first found absent; undefined while it is present. */
  readonly goneAtMs: number | undefined;
}

/** No key is present yet. `nowMs`: milliseconds of the run. */
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
