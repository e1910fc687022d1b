import type { AzVolume } from "../core/model/az-volume.ts";
import { areStateTagsDue } from "../core/model/state-tags.ts";
import type { Clock } from "../ports/clock.ts";
import type { ObjectCache } from "./object-cache.ts";

/** For how long the tags of each volume's disk have lacked something that they are to keep. */
export interface UntaggedTime {
  /** In milliseconds on our own clock, up to now. Infinity: the cache did not see it begin. 0: nothing is lacking. */
  readonly untaggedMs: (volumeName: string) => number;
}

/**
 * Counts from when the cache first shows that something is lacking until it shows that nothing is, whatever else
 * changes. How old it is where the cache shows it with the first that it shows is not known, and it counts as older
 * than any limit: a controller that starts again and again never waits from the start.
 */
export function createUntaggedTime({ cache, clock }: { readonly cache: Pick<ObjectCache, "list" | "onChange">; readonly clock: Clock }): UntaggedTime {
  const sinceMs = new Map<string, number>();

  function see(name: string, current: AzVolume | undefined, beganMs: number): void {
    if (!areStateTagsDue(current?.status)) sinceMs.delete(name);
    else if (!sinceMs.has(name)) sinceMs.set(name, beganMs);
  }

  for (const volume of cache.list("AzVolume")) see(volume.metadata.name, volume, -Infinity);
  cache.onChange((change) => {
    if (change.kind === "AzVolume") see(change.name, change.current, change.previous === undefined ? -Infinity : clock.elapsedMs());
  });
  return {
    untaggedMs: (volumeName) => {
      const beganMs = sinceMs.get(volumeName);
      return beganMs === undefined ? 0 : clock.elapsedMs() - beganMs;
    },
  };
}
