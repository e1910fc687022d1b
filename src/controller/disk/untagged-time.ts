import type { AzVolume } from "../../core/api/az-volume.ts";
import { sameJson } from "../../core/primitives/same-json.ts";
import { areStateTagsDue } from "../../core/volume/tags/state-tags.ts";
import type { ObjectCache } from "../../objects/cache/object-cache.ts";
import type { Clock } from "../../ports/clock.ts";

/** How long the tags of each volume's disk have lacked something that they are to keep. */
export interface UntaggedTime {
  /** In milliseconds on the own clock. Infinity: the cache did not see it begin. 0: nothing is missing. */
  readonly untaggedMs: (volumeName: string) => number;
  /** Records that a write of missing tags begins. */
  readonly recordTry: (volumeName: string) => void;
  /** How long ago the first of these writes began, in milliseconds on the own clock. 0: none has. */
  readonly triedMs: (volumeName: string) => number;
  /** Records that Azure refuses the missing tags. Returns for how many volumes it does now. */
  readonly recordRefusal: (volumeName: string) => number;
}

interface Lack {
  readonly beganMs: number;
  triedSinceMs?: number;
  isRefused?: true;
}

/**
 * Counts from when the cache first shows missing tags, or a write or read of other tags, until it shows
 * that none is missing, whatever else changes. If the first cached state already lacks tags, the age is
 * unknown and counts as above any limit: a controller that restarts often does not begin the wait again
 * each time.
 */
export function createUntaggedTime({
  cache,
  clock,
}: {
  readonly cache: Pick<ObjectCache, "list" | "onChange">;
  readonly clock: Clock;
}): UntaggedTime {
  const lacks = new Map<string, Lack>();

  function see(name: string, current: AzVolume | undefined, previous: AzVolume | undefined): void {
    if (!areStateTagsDue(current?.status)) lacks.delete(name);
    else if (previous === undefined) lacks.set(name, { beganMs: -Infinity });
    // What changed during the write is missing only since then: with the age of the written tags it would
    // be due at once.
    else if (!lacks.has(name) || !sameJson(stateTagsKnown(previous), stateTagsKnown(current)))
      lacks.set(name, { beganMs: clock.elapsedMs() });
  }

  for (const volume of cache.list("AzVolume")) see(volume.metadata.name, volume, undefined);
  cache.onChange((change) => {
    if (change.kind === "AzVolume") see(change.name, change.current, change.previous);
  });
  const sinceMs = (beganMs: number | undefined): number =>
    beganMs === undefined ? 0 : clock.elapsedMs() - beganMs;
  return {
    untaggedMs: (volumeName) => sinceMs(lacks.get(volumeName)?.beganMs),
    recordTry: (volumeName) => {
      const lack = lacks.get(volumeName);
      if (lack !== undefined) lack.triedSinceMs ??= clock.elapsedMs();
    },
    triedMs: (volumeName) => sinceMs(lacks.get(volumeName)?.triedSinceMs),
    recordRefusal: (volumeName) => {
      const lack = lacks.get(volumeName);
      if (lack !== undefined) lack.isRefused = true;
      return [...lacks.values()].filter(({ isRefused }) => isRefused).length;
    },
  };
}

function stateTagsKnown(volume: AzVolume | undefined): Readonly<Record<string, string>> {
  return volume?.status?.detail?.stateTags ?? {};
}
