/** What the superblock of an ext file system says of its size. */
export interface ExtSize {
  readonly sizeBytes: bigint;
  /** The largest that it may have; undefined: its block numbers have 64 bits, more than any disk needs. */
  readonly sizeMaxBytes: bigint | undefined;
}

const BLOCK_COUNT = /^Block count:\s+(\d+)$/mu;
const BLOCK_SIZE = /^Block size:\s+(\d+)$/mu;
const FEATURE_64BIT = /^Filesystem features:.* 64bit(?: |$)/mu;

/** resize2fs takes no more for a file system without the feature 64bit, also where the kernel would. */
const BLOCKS_MAX = 2n ** 32n - 1n;

/** The size of an ext file system, by `dumpe2fs -h` (dumpe2fs(8)); undefined: it says none. */
export function parseExtSize(superblock: string): ExtSize | undefined {
  const count = BLOCK_COUNT.exec(superblock)?.[1];
  const size = BLOCK_SIZE.exec(superblock)?.[1];
  if (count === undefined || size === undefined) return undefined;
  const blockBytes = BigInt(size);
  return {
    sizeBytes: BigInt(count) * blockBytes,
    sizeMaxBytes: FEATURE_64BIT.test(superblock) ? undefined : BLOCKS_MAX * blockBytes,
  };
}
