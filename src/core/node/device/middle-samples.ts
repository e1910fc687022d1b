import { FORMAT_MARK_BYTES, formatMarkOffset } from "../file-system/format-mark.ts";

const KIB = 1024n;
const MIB = 1024n * KIB;
const TIB = 1024n * 1024n * MIB;

/** Bytes of one sample: a multiple of the largest sector of Azure's disks. */
export const SAMPLE_BYTES = 64n * KIB;

/** How much of a sample lies before its place: an XFS group begins up to some blocks beside it. */
const LEAD_BYTES = SAMPLE_BYTES / 2n;

/**
 * Where file systems keep copies of what is erased at the start of a disk, in bytes: ext with blocks of 1, 2
 * and 4 KiB (its second block group, ext4(5)), and btrfs (its second superblock, btrfs(5)). First comes the
 * superblock of a btrfs in a partition that begins at the first MiB, whose table was erased. Last comes the
 * second allocation group of an XFS of more than 4 TiB, one block before the first TiB (mkfs.xfs(8)).
 */
const COPIES_AT: readonly bigint[] = [
  MIB + 64n * KIB,
  8n * MIB,
  32n * MIB,
  64n * MIB,
  128n * MIB,
  TIB - LEAD_BYTES,
];

/** Further samples are as far apart as this part of the disk. A smaller XFS has a group at each quarter. */
const PARTS = 8n;

/**
 * Where a disk that looks blank at both ends is read besides, in bytes, in ascending order: at most 13
 * multiples of 4096 at which `SAMPLE_BYTES` are on the disk. None overlaps the mark of a first format.
 */
export function middleSamples(sizeBytes: bigint): readonly bigint[] {
  const spread = Array.from({ length: Number(PARTS) - 1 }, (_, index) => {
    const offset = (sizeBytes * BigInt(index + 1)) / PARTS - LEAD_BYTES;
    return offset - (offset % BigInt(FORMAT_MARK_BYTES));
  });
  const offsets = [...COPIES_AT, ...spread]
    .map((offset) => besideMark(offset, formatMarkOffset(sizeBytes)))
    .filter((offset) => offset >= 0n && offset + SAMPLE_BYTES <= sizeBytes);
  return [...new Set(offsets)].toSorted((left, right) => (left < right ? -1 : 1));
}

function besideMark(offset: bigint, markOffset: bigint): bigint {
  const markEnd = markOffset + BigInt(FORMAT_MARK_BYTES);
  return offset < markEnd && offset + SAMPLE_BYTES > markOffset ? markEnd : offset;
}
