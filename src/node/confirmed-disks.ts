/** From the stage of a raw volume to its publish, in milliseconds. */
const CONFIRMED_FOR_MS = 60_000;

/** Where a controller has found a disk, and what the VM's instance metadata said instead. */
export interface ConfirmedDisk {
  readonly lun: number;
  readonly majorMinor: string;
  readonly objection: string;
  readonly atMs: number;
}

/**
 * Disks that controllers have confirmed against an objection of instance metadata, by the uid of their
 * volume. One counts for a minute, for the same device and objection: otherwise each of the three looks at a
 * raw disk on the way to its pod would wait for another read of the VM.
 */
export class ConfirmedDisks {
  readonly #disks = new Map<string, ConfirmedDisk>();

  has(uid: string, { lun, majorMinor, objection, atMs }: ConfirmedDisk): boolean {
    const known = this.#disks.get(uid);
    return (
      known?.lun === lun &&
      known.majorMinor === majorMinor &&
      known.objection === objection &&
      atMs - known.atMs < CONFIRMED_FOR_MS
    );
  }

  add(uid: string, confirmed: ConfirmedDisk): void {
    for (const [other, { atMs }] of this.#disks)
      if (confirmed.atMs - atMs >= CONFIRMED_FOR_MS) this.#disks.delete(other);
    this.#disks.set(uid, confirmed);
  }
}
