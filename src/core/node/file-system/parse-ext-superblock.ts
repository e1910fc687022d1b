/** What the superblock of an ext file system says of its size. */
export interface ExtSize {
  readonly blocks: bigint;
  readonly blockBytes: bigint;
  /** Its block numbers have 64 bits, enough for any disk, and not 32. */
  readonly has64Bits: boolean;
}

const BLOCK_COUNT = /^Block count:\s+(\d+)$/mu;
const BLOCK_SIZE = /^Block size:\s+(\d+)$/mu;
const FEATURE_64BIT = /^Filesystem features:.* 64bit(?: |$)/mu;

/** The most blocks of a file system without the feature 64bit: their number has 32 bits as well. */
const BLOCKS_MAX_32_BITS = 2n ** 32n - 1n;

/** The size of an ext file system, by `dumpe2fs -h` (dumpe2fs(8)); undefined: it says none. */
export function parseExtSize(superblock: string): ExtSize | undefined {
  const count = BLOCK_COUNT.exec(superblock)?.[1];
  const size = BLOCK_SIZE.exec(superblock)?.[1];
  if (count === undefined || size === undefined) return undefined;
  return { blocks: BigInt(count), blockBytes: BigInt(size), has64Bits: FEATURE_64BIT.test(superblock) };
}

/**
 * Whether resize2fs makes the file system larger on a disk of `diskBytes`. Without the feature 64bit it
 * refuses a disk that has more than one block beyond the most, and leaves that one block unused.
 */
export function growsOnDisk({ blocks, blockBytes, has64Bits }: ExtSize, diskBytes: bigint): boolean {
  const diskBlocks = diskBytes / blockBytes;
  if (has64Bits || diskBlocks <= BLOCKS_MAX_32_BITS) return blocks < diskBlocks;
  return diskBlocks === BLOCKS_MAX_32_BITS + 1n && blocks < BLOCKS_MAX_32_BITS;
}
