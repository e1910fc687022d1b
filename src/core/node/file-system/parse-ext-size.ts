const BLOCK_COUNT = /^Block count:\s+(\d+)$/mu;
const BLOCK_SIZE = /^Block size:\s+(\d+)$/mu;

/** The size of an ext file system in bytes, by `dumpe2fs -h` (dumpe2fs(8)); undefined: it says none. */
export function parseExtSizeBytes(superblock: string): bigint | undefined {
  const count = BLOCK_COUNT.exec(superblock)?.[1];
  const size = BLOCK_SIZE.exec(superblock)?.[1];
  return count === undefined || size === undefined ? undefined : BigInt(count) * BigInt(size);
}
