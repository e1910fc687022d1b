import type { FoundProblem, KnownMount } from "../core/node/plan-mount-problems.ts";
import { toTimestamp } from "../core/primitives/timestamp.ts";
import type { VolumeCheckpoint } from "../ports/host/node-checkpoints.ts";

/** The last look at a path; before the first one, the time from which its age counts. */
interface Look {
  /** Undefined: there was none yet. */
  readonly found?: readonly FoundProblem[];
  /** On the clock of durations. */
  readonly atMs: number;
}

interface Mount extends Pick<KnownMount, "begunAt" | "repaired"> {
  readonly looks: ReadonlyMap<string, Look>;
}

const UNKNOWN: Mount = { looks: new Map() };

/**
 * What this process knows of the mounts of its volumes, in memory: a plug-in that has just started looks
 * again.
 */
export class MountLooks {
  readonly #mounts = new Map<string, Mount>();
  #onNews: (volumeName: string) => void = () => undefined;

  /** A stage is about to mount a volume: what was known and stated of it is of an earlier mount. */
  begun(volumeName: string, nowMs: number): void {
    this.#mounts.set(volumeName, { begunAt: toTimestamp(nowMs), looks: new Map() });
  }

  /** The check before a mount has repaired the file system. */
  repaired(volumeName: string, detail: string, nowMs: number): void {
    const repaired = { detail, at: toTimestamp(nowMs) };
    this.#mounts.set(volumeName, { ...this.#known(volumeName), repaired });
    this.#onNews(volumeName);
  }

  /** A look at a path has shown what is wrong there, if anything. `atMs`: on the clock of durations. */
  looked({ volumeName }: VolumeCheckpoint, path: string, found: readonly FoundProblem[], atMs: number): void {
    const known = this.#known(volumeName);
    const earlier = known.looks.get(path)?.found ?? [];
    this.#mounts.set(volumeName, { ...known, looks: new Map(known.looks).set(path, { found, atMs }) });
    // A look at a mount that is well says nothing new of one that was.
    if (found.length > 0 || earlier.length > 0) this.#onNews(volumeName);
  }

  /** What is known of a mount: of the paths that it has now. */
  of(checkpoint: VolumeCheckpoint): KnownMount {
    const { begunAt, repaired, looks } = this.#known(checkpoint.volumeName);
    const found = pathsOf(checkpoint).map((path) => looks.get(path)?.found);
    return {
      epoch: checkpoint.epoch,
      begunAt,
      repaired,
      found: found.flatMap((ofPath) => ofPath ?? []),
      isComplete: found.every((ofPath) => ofPath !== undefined),
    };
  }

  /**
   * The paths of a mount at which no look was for `ageMs`. The age of one counts from the first call on, in
   * milliseconds, as `nowMs` on the clock of durations. Forgets the paths that the mount no longer has.
   */
  due(checkpoint: VolumeCheckpoint, ageMs: number, nowMs: number): readonly string[] {
    const { looks, ...known } = this.#known(checkpoint.volumeName);
    const present = pathsOf(checkpoint).map((path) => [path, looks.get(path) ?? { atMs: nowMs }] as const);
    this.#mounts.set(checkpoint.volumeName, { ...known, looks: new Map(present) });
    return present.flatMap(([path, { atMs }]) => (nowMs - atMs >= ageMs ? path : []));
  }

  /** The paths of a mount at which this process has not looked. */
  unlooked(checkpoint: VolumeCheckpoint): readonly string[] {
    const { looks } = this.#known(checkpoint.volumeName);
    return pathsOf(checkpoint).filter((path) => looks.get(path)?.found === undefined);
  }

  forget(volumeName: string): void {
    this.#mounts.delete(volumeName);
  }

  /**
   * Calls `listener` from now on with a volume where a look or a check has found something, or finds no
   * more. One listener.
   */
  onNews(listener: (volumeName: string) => void): void {
    this.#onNews = listener;
  }

  #known(volumeName: string): Mount {
    return this.#mounts.get(volumeName) ?? UNKNOWN;
  }
}

/** Where to look: what pods have, else where it is staged. Raw block is staged without a mount. */
function pathsOf({ accessType, stagingPath, targetPaths }: VolumeCheckpoint): readonly string[] {
  return accessType === "mount" && targetPaths.length === 0 ? [stagingPath] : targetPaths;
}
