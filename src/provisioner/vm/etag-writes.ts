import { type EtagWrite, etagWriteAfter, largerEtagWrite } from "../../core/azure/etag-write.ts";
import type { EtagWriteMemory } from "../../ports/cloud/etag-write-memory.ts";

/** Learns which write moves a VM's ETag, for as long as the process lives. */
export class EtagWrites implements EtagWriteMemory {
  #etagWrite: EtagWrite = "empty";

  get etagWrite(): EtagWrite {
    return this.#etagWrite;
  }

  recordEtagUnmoved(write: EtagWrite): void {
    this.#etagWrite = largerEtagWrite(this.#etagWrite, etagWriteAfter(write));
  }
}
