import { putNewest } from "../../core/primitives/put-newest.ts";

/** Bounds the memory. Only the latest releases matter: see below. */
const VOLUMES_MAX = 1000;

/**
 * The epochs in which this plug-in has released volumes and not acquired them since, by the AzVolume's uid.
 * Only a node itself records that it holds a volume that is requested, so a record by which it does in such
 * an epoch was restored from a backup. Nothing else shows that to the node if the backup is as recent as the
 * last Lease that it has read; from the next one on, the Lease does.
 */
export class ReleasedEpochs {
  readonly #epochs = new Map<string, number>();

  add(uid: string, epoch: number): void {
    putNewest(this.#epochs, uid, epoch, VOLUMES_MAX);
  }

  delete(uid: string): void {
    this.#epochs.delete(uid);
  }

  /** Whether the volume was released in that epoch or a later one, and not acquired since. */
  has(uid: string, epoch: number): boolean {
    return epoch <= (this.#epochs.get(uid) ?? 0);
  }
}
