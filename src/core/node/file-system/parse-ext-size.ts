const BLOCK_COUNT = /^Block count:\s+(\d+)$/mu;
const BLOCK_SIZE = /^Block size:\s+(\d+)$/mu;

/** The bytes of an ext file system, by the superblock in `dumpe2fs -h` (dumpe2fs(8)), if it is there. */
export function parseExtSizeBytes(superblock: string): bigint | undefined {
  const count = BLOCK_COUNT.exec(superblock)?.[1];
  const size = BLOCK_SIZE.exec(superblock)?.[1];
  return count === undefined || size === undefined ? undefined : BigInt(count) * BigInt(size);
}
