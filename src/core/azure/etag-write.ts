/**
 * Writes that take no disk off a VM and may move its ETag, the smallest first: `{}`, the list of data disks
 * as it is, a tag. Azure documents for none of the first two that it moves the ETag; a changed tag does.
 */
export const etagWrites = ["empty", "dataDisks", "tag"] as const;

/** A kind of write that moves a VM's ETag. */
export type EtagWrite = (typeof etagWrites)[number];

/** The next kind to use where a write of this kind left the ETag as it was. */
export function etagWriteAfter(write: EtagWrite): EtagWrite {
  return etagWrites[etagWrites.indexOf(write) + 1] ?? "tag";
}

/** The larger of two kinds: what is known not to work for one of them is known. */
export function largerEtagWrite(left: EtagWrite, right: EtagWrite): EtagWrite {
  return etagWrites.indexOf(left) < etagWrites.indexOf(right) ? right : left;
}
