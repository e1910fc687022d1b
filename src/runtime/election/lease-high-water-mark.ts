import { etagWriteOf, type Lease } from "../../core/api/lease.ts";
import { type EtagWrite, etagWriteAfter, largerEtagWrite } from "../../core/azure/etag-write.ts";
import {
  comingIncarnationOf,
  type HighWaterMark,
  highWaterMarkOf,
  isOlder,
} from "../../core/rollback/high-water-mark.ts";
import type { EtagWriteMemory } from "../../ports/cloud/etag-write-memory.ts";

/**
 * The latest state that this process has seen in the controller's Lease, by uncached reads, its own
 * writes, and watched renewals: a Lease that shows less was rolled back. Never kept longer than the
 * process, so a controller that starts after a rollback relies on the other controllers and on the nodes'
 * reports.
 */
export class LeaseHighWaterMark implements EtagWriteMemory {
  #etagWrite: EtagWrite = "empty";
  #seen: HighWaterMark = { incarnation: 0, counter: 0 };
  #coming = 0;

  /** Read before the Lease that it is compared with: a renewal in between only makes the Lease newer. */
  get seen(): HighWaterMark {
    return { ...this.#seen, coming: this.#coming };
  }

  /** The highest store incarnation seen, also one for which records are being rebuilt. */
  get comingIncarnation(): number {
    return this.#coming;
  }

  /** What this process has learnt, or has seen in the Lease, where it is kept for the next leader. */
  get etagWrite(): EtagWrite {
    return this.#etagWrite;
  }

  recordEtagUnmoved(write: EtagWrite): void {
    this.#etagWrite = largerEtagWrite(this.#etagWrite, etagWriteAfter(write));
  }

  /** An uncached read, the response of a write, or a watch event: each was in the store a moment ago. */
  saw(lease: Lease): void {
    this.#etagWrite = largerEtagWrite(this.#etagWrite, etagWriteOf(lease));
    const shown = highWaterMarkOf(lease);
    if (!isOlder(shown, this.seen)) this.#seen = shown;
    this.#coming = Math.max(this.#coming, comingIncarnationOf(shown));
  }
}
