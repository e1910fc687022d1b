import type { EtagWrite } from "../../core/azure/etag-write.ts";

/** Which kind of write moves a VM's ETag in this cloud, as far as it was learnt. */
export interface EtagWriteMemory {
  /** The kind to use now. */
  readonly etagWrite: EtagWrite;
  /** Learns that a write of a kind, which Azure carried out, left the ETag as it was. */
  leftEtag(write: EtagWrite): void;
}
