import type { EtagWrite } from "../../core/azure/etag-write.ts";

/** The kind of write that moves a VM's ETag in this cloud, as learnt so far. */
export interface EtagWriteMemory {
  /** The kind to use now. */
  readonly etagWrite: EtagWrite;
  /** Learns that a completed write of a kind left the ETag unchanged. */
  recordEtagUnmoved(write: EtagWrite): void;
}
