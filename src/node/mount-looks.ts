import type { FoundProblem, KnownMount } from "../core/node/plan-mount-problems.ts";

/**
 * What this process knows of the mounts of its volumes, in memory: a plug-in that has just started looks
 * again.
 */
export class MountLooks {
  readonly #mounts = new Map<string, KnownMount & { readonly lookedAtMs?: number }>();
  #onNews: () => void = () => undefined;

  /** What is known of the mount of that epoch, and when it was looked at last. */
  of(volumeName: string, epoch: number): KnownMount & { readonly lookedAtMs?: number } {
    const known = this.#mounts.get(volumeName);
    return known?.epoch === epoch ? known : { epoch };
  }

  /** The check before a mount has repaired the file system. */
  repaired(volumeName: string, epoch: number, repaired: string): void {
    this.#mounts.set(volumeName, { ...this.of(volumeName, epoch), repaired });
    this.#onNews();
  }

  /**
   * A look at a mount, or the time from which its age counts. `found`: undefined where it shows nothing,
   * which leaves what is known. `atMs`: on the clock of durations.
   */
  looked(volumeName: string, epoch: number, found: readonly FoundProblem[] | undefined, atMs: number): void {
    const known = this.of(volumeName, epoch);
    this.#mounts.set(volumeName, { ...known, lookedAtMs: atMs, ...(found === undefined ? {} : { found }) });
    // A look at a mount that is well says nothing new of one that was.
    if ((found?.length ?? 0) > 0 || (known.found?.length ?? 0) > 0) this.#onNews();
  }

  /** Forgets the volumes that are not among these. */
  keepOnly(volumeNames: ReadonlySet<string>): void {
    for (const volumeName of this.#mounts.keys())
      if (!volumeNames.has(volumeName)) this.#mounts.delete(volumeName);
  }

  /**
   * Calls `listener` from now on when a look or a check has found something, or finds no more. One listener.
   */
  onNews(listener: () => void): void {
    this.#onNews = listener;
  }
}
