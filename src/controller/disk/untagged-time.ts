import type { AzVolume } from "../../core/api/az-volume.ts";
import { sameJson } from "../../core/primitives/same-json.ts";
import { areStateTagsDue } from "../../core/volume/state-tags.ts";
import type { ObjectCache } from "../../objects/cache/object-cache.ts";
import type { Clock } from "../../ports/clock.ts";

/** For how long the tags of each volume's disk have lacked something that they are to keep. */
export interface UntaggedTime {
  /**
   * In milliseconds on our own clock, up to now. Infinity: the cache did not see it begin. 0: nothing is
   * lacking.
   */
  readonly untaggedMs: (volumeName: string) => number;
  /** Notes that a try to write what is lacking begins. */
  readonly noteTry: (volumeName: string) => void;
  /**
   * How long ago the first of these tries began, in milliseconds on our own clock. 0: none has, or nothing
   * is lacking.
   */
  readonly triedMs: (volumeName: string) => number;
  /**
   * Notes that Azure refuses what is lacking. Answers for how many volumes it does now, this one included.
   */
  readonly noteRefusal: (volumeName: string) => number;
}

interface Lack {
  readonly beganMs: number;
  triedSinceMs?: number;
  isRefused?: true;
}

/**
 * Counts from when the cache first shows that something is lacking, or that other tags were written or
 * read, until it shows that nothing is, whatever else changes. How old it is where the cache shows it with
 * the first that it shows is not known, and it counts as older than any limit: a controller that starts
 * again and again never waits from the start.
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
    // What moved while tags were written lacks since then: with the age of what was written it would be due
    // at once.
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
    noteTry: (volumeName) => {
      const lack = lacks.get(volumeName);
      if (lack !== undefined) lack.triedSinceMs ??= clock.elapsedMs();
    },
    triedMs: (volumeName) => sinceMs(lacks.get(volumeName)?.triedSinceMs),
    noteRefusal: (volumeName) => {
      const lack = lacks.get(volumeName);
      if (lack !== undefined) lack.isRefused = true;
      return [...lacks.values()].filter(({ isRefused }) => isRefused).length;
    },
  };
}

function stateTagsKnown(volume: AzVolume | undefined): Readonly<Record<string, string>> {
  return volume?.status?.detail?.stateTags ?? {};
}
