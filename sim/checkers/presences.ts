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
  goneMaxMs: number;
  /** When it was first found absent; undefined while it is present. */
  goneAtMs: number | undefined;
}

/** No key is present yet. `nowMs`: milliseconds of the run. */
export function createPresences(nowMs: () => number): Presences {
  const presences = new Map<string, Presence>();
  return {
    look: (present) => {
      const atMs = nowMs();
      for (const [key, presence] of presences) {
        presence.goneAtMs ??= atMs;
        if (atMs - presence.goneAtMs > presence.goneMaxMs) presences.delete(key);
      }
      for (const [key, goneMaxMs] of present) {
        const presence = presences.get(key);
        if (presence === undefined) {
          presences.set(key, { sinceMs: atMs, goneMaxMs, goneAtMs: undefined });
          continue;
        }
        presence.goneMaxMs = goneMaxMs;
        presence.goneAtMs = undefined;
      }
    },
    forMs: (key) => {
      const presence = presences.get(key);
      return presence?.goneAtMs === undefined
        ? nowMs() - (presence?.sinceMs ?? Number.POSITIVE_INFINITY)
        : Number.NEGATIVE_INFINITY;
    },
  };
}
