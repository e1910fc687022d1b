/**
 * Writes that detach no disk and may move a VM's ETag, smallest first: `{}`, the unchanged list of data
 * disks, a tag. Azure does not document that the first two move the ETag; a changed tag does.
 */
export const etagWrites = ["empty", "dataDisks", "tag"] as const;

/** A kind of write that moves a VM's ETag. */
export type EtagWrite = (typeof etagWrites)[number];

/** The next kind to use where a write of this kind left the ETag unchanged. */
export function etagWriteAfter(write: EtagWrite): EtagWrite {
  return etagWrites[etagWrites.indexOf(write) + 1] ?? "tag";
}

/** The larger of two kinds: a kind that failed for either is known not to work. */
export function largerEtagWrite(left: EtagWrite, right: EtagWrite): EtagWrite {
  return etagWrites.indexOf(left) < etagWrites.indexOf(right) ? right : left;
}
