import { etagWriteOf, type Lease } from "../../core/api/lease.ts";
import { type EtagWrite, etagWriteAfter, largerEtagWrite } from "../../core/azure/etag-write.ts";
import { type HighWaterMark, rememberedOf } from "../../core/election/lease-steps.ts";
import type { EtagWriteMemory } from "../../ports/cloud/etag-write-memory.ts";

/**
 * The latest that this process has seen in the controller's Lease, by fresh reads, its own writes, and
 * renewals that a watch told it of: a Lease that shows less went back to a backup. Never kept longer than
 * the process, so a controller that starts after the store went back relies on the others, and on what the
 * nodes report.
 */
export class LeaseHighWaterMark implements EtagWriteMemory {
  #etagWrite: EtagWrite = "empty";
  #seen: HighWaterMark = { generation: 0, counter: 0 };

  /** To be taken before a read that is to be compared: a renewal in between only makes the Lease newer. */
  get seen(): HighWaterMark {
    return this.#seen;
  }

  /**
   * What this process has learnt of its own, or has seen in the Lease: the leader's renewals keep it there
   * for the next leader.
   */
  get etagWrite(): EtagWrite {
    return this.#etagWrite;
  }

  leftEtag(write: EtagWrite): void {
    this.#etagWrite = largerEtagWrite(this.#etagWrite, etagWriteAfter(write));
  }

  /**
   * A fresh read, the answer of a write, or what a watch tells: that was in the store, too, if only a
   * moment ago.
   */
  saw(lease: Lease): void {
    this.#etagWrite = largerEtagWrite(this.#etagWrite, etagWriteOf(lease));
    const shown = rememberedOf(lease);
    const { generation, counter } = this.#seen;
    if (shown.generation > generation || (shown.generation === generation && shown.counter > counter))
      this.#seen = shown;
  }
}
