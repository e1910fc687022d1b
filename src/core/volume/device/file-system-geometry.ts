import { type FileSystemType, fileSystemTypes } from "./file-system.ts";

/** Bytes of a block of ext or xfs. 4096 is the smallest page of any node, so each node mounts them. */
export const blockSizes = [1024, 2048, 4096] as const;

/** Bytes of an inode. 128, which ext could have, knows no date after 2038. */
export const inodeSizes = [256, 512, 1024, 2048] as const;

/** Bytes of an ext file system for each of its inodes. */
export const inodeRatios = [
  1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072, 262_144, 524_288, 1_048_576, 2_097_152, 4_194_304,
] as const;

/** The parameters of a file system's geometry, named as in other drivers, in the order of their checks. */
export const geometryNames = ["blockSize", "inodeSize", "bytesPerInode"] as const;

type GeometryName = (typeof geometryNames)[number];

/** What a new file system is made with, in bytes; absent: the choice of mkfs. */
export type FileSystemGeometry = { readonly [Name in GeometryName]?: number | undefined };

export interface GeometryRequest {
  readonly fsType: FileSystemType;
  readonly geometry: FileSystemGeometry;
  /** Size of the disk; undefined: not known, or of no interest. */
  readonly sizeGiB?: number;
  /** Size of a logical sector of the disk; default 512. */
  readonly sectorBytes?: number;
}

/** A parameter that the file system can't be made with. */
interface GeometryProblem {
  readonly name: GeometryName;
  readonly value: number;
  /** In words that follow the field and the value. */
  readonly problem: string;
}

/** What mkfs takes on a disk of 1 GiB and more. */
const DEFAULT_BLOCK_SIZE = 4096;
const DEFAULT_INODE_SIZE = 256;
const DEFAULT_SECTOR_BYTES = 512;
/** Tables of inodes fill at most one part in so many of an ext file system. */
const INODE_TABLE_SHARE = 4;
/** An ext file system has fewer than 2^32 inodes, which is one for each byte of 4 GiB. */
const INODES_MAX_GIB = 4;

type Values = Readonly<Partial<Record<GeometryName, readonly number[]>>>;

/** ext2 and ext3 with smaller blocks begin a block group on the mark of a first format (ADR 0033). */
const ext3: Values = { blockSize: [4096], inodeSize: inodeSizes, bytesPerInode: inodeRatios };

const valuesOf: Readonly<Record<FileSystemType, Values>> = {
  ext4: { blockSize: blockSizes, inodeSize: inodeSizes, bytesPerInode: inodeRatios },
  ext3,
  ext2: ext3,
  xfs: { blockSize: blockSizes, inodeSize: inodeSizes.filter((size) => size >= 512) },
  btrfs: {},
  ntfs: {},
  refs: {},
};

/**
 * The largest disk with an ext4 of small blocks, in GiB: what an ext4 that was made on 1 GiB can grow to,
 * within the group descriptors that mkfs reserves: as many blocks as a quarter of a block's bytes. For more,
 * the kernel would have to change its layout while it is mounted (meta_bg).
 */
export const smallBlockMaxGiB: Readonly<Partial<Record<number, number>>> = { 1024: 32, 2048: 512 };

/**
 * Why mkfs can't make a file system with a geometry, or can't make one that the disk, the node or later
 * growth can serve; undefined: it can.
 */
export function geometryProblem({
  fsType,
  geometry,
  sizeGiB = 0,
  sectorBytes = DEFAULT_SECTOR_BYTES,
}: GeometryRequest): GeometryProblem | undefined {
  const { blockSize = DEFAULT_BLOCK_SIZE, inodeSize = DEFAULT_INODE_SIZE } = geometry;
  const inodeMax = fsType === "xfs" ? blockSize / 2 : blockSize;
  const isPossible: Readonly<Record<GeometryName, (value: number) => boolean>> = {
    blockSize: (size) =>
      size >= sectorBytes && (fsType !== "ext4" || sizeGiB <= (smallBlockMaxGiB[size] ?? Infinity)),
    inodeSize: (size) => size <= inodeMax,
    bytesPerInode: (ratio) =>
      ratio >= blockSize && ratio >= INODE_TABLE_SHARE * inodeSize && sizeGiB < INODES_MAX_GIB * ratio,
  };
  const size = sizeGiB > 0 ? [`${sizeGiB} GiB`] : [];
  const sectors = sectorBytes > DEFAULT_SECTOR_BYTES ? [`sectors of ${sectorBytes} bytes`] : [];
  const givenWith: Readonly<Record<GeometryName, readonly string[]>> = {
    blockSize: [...size, ...sectors],
    inodeSize: [`blockSize ${blockSize}`],
    bytesPerInode: [`blockSize ${blockSize}`, `inodeSize ${inodeSize}`, ...size],
  };
  for (const name of geometryNames) {
    const value = geometry[name];
    if (value === undefined) continue;
    const values = valuesOf[fsType][name];
    if (values === undefined) return { name, value, problem: notOf(name, fsType) };
    const allowed = values.filter(isPossible[name]);
    if (!allowed.includes(value))
      return {
        name,
        value,
        problem: `must be one of ${allowed.join(", ")} with ${[`fsType ${fsType}`, ...givenWith[name]].join(", ")}`,
      };
  }
  return undefined;
}

/** The geometry in a volume's attributes, without what can't be read (`unservedAttribute`). */
export function geometryOf(volumeContext: Readonly<Record<string, string>>): FileSystemGeometry {
  const stated = Object.entries(volumeContext).flatMap(([name, value]) => {
    const known = geometryNames.find((candidate) => candidate.toLowerCase() === name.toLowerCase());
    return known !== undefined && /^[1-9]\d{0,8}$/u.test(value) ? [[known, Number(value)] as const] : [];
  });
  return Object.fromEntries(stated);
}

/** Why raw block volumes have no such parameter, in words that follow the field and the value. */
export const rawGeometryProblem =
  "is for a file system, and a claim with volumeMode Block gets none: use a class without it";

function notOf(name: GeometryName, fsType: FileSystemType): string {
  const served = fileSystemTypes.filter((other) => valuesOf[other][name] !== undefined);
  return `is for ${served.join(", ")}, not for ${fsType}: leave it out`;
}
