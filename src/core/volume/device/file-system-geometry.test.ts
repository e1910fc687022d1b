import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { geometryOf, geometryProblem, type GeometryRequest } from "./file-system-geometry.ts";

interface Row {
  readonly because: string;
  readonly given: GeometryRequest;
  /** Undefined: it can be made. */
  readonly problem?: string;
}

const ratios = (from: number): string => {
  const all = Array.from({ length: 13 }, (_, index) => 1024 * 2 ** index);
  return all.filter((ratio) => ratio >= from).join(", ");
};

const rows: readonly Row[] = [
  { because: "nothing is stated, of any file system", given: { fsType: "ntfs", geometry: {} } },
  {
    because: "ext4 has each size of blocks",
    given: { fsType: "ext4", geometry: { blockSize: 1024 }, sizeGiB: 32 },
  },
  {
    because: "an ext4 of blocks of 1024 can't grow beyond 32 GiB while it is mounted",
    given: { fsType: "ext4", geometry: { blockSize: 1024 }, sizeGiB: 33 },
    problem: "must be one of 2048, 4096 with fsType ext4, 33 GiB",
  },
  { because: "512 GiB are left", given: { fsType: "ext4", geometry: { blockSize: 2048 }, sizeGiB: 512 } },
  {
    because: "an ext4 of blocks of 2048 can't grow beyond 512 GiB while it is mounted",
    given: { fsType: "ext4", geometry: { blockSize: 2048 }, sizeGiB: 513 },
    problem: "must be one of 4096 with fsType ext4, 513 GiB",
  },
  {
    because: "an XFS of small blocks grows as any other",
    given: { fsType: "xfs", geometry: { blockSize: 1024 }, sizeGiB: 32_767 },
  },
  {
    because: "an ext3 of small blocks overwrites the mark of its format",
    given: { fsType: "ext3", geometry: { blockSize: 2048 }, sizeGiB: 1 },
    problem: "must be one of 4096 with fsType ext3, 1 GiB",
  },
  {
    because: "blocks are no smaller than sectors",
    given: { fsType: "xfs", geometry: { blockSize: 2048 }, sectorBytes: 4096 },
    problem: "must be one of 4096 with fsType xfs, sectors of 4096 bytes",
  },
  {
    because: "no node has to mount blocks above its page size",
    given: { fsType: "xfs", geometry: { blockSize: 8192 } },
    problem: "must be one of 1024, 2048, 4096 with fsType xfs",
  },
  {
    because: "an inode of ext fits a block",
    given: { fsType: "ext4", geometry: { blockSize: 1024, inodeSize: 2048 } },
    problem: "must be one of 256, 512, 1024 with fsType ext4, blockSize 1024",
  },
  {
    because: "so large is a block",
    given: { fsType: "ext4", geometry: { blockSize: 2048, inodeSize: 2048 } },
  },
  {
    because: "a block of an XFS has two inodes",
    given: { fsType: "xfs", geometry: { blockSize: 1024, inodeSize: 1024 } },
    problem: "must be one of 512 with fsType xfs, blockSize 1024",
  },
  {
    because: "an inode of an XFS has at least 512 bytes",
    given: { fsType: "xfs", geometry: { inodeSize: 256 } },
    problem: "must be one of 512, 1024, 2048 with fsType xfs, blockSize 4096",
  },
  {
    because: "an inode is for at least one block",
    given: { fsType: "ext4", geometry: { bytesPerInode: 2048 } },
    problem: `must be one of ${ratios(4096)} with fsType ext4, blockSize 4096, inodeSize 256`,
  },
  {
    because: "blocks are smaller",
    given: { fsType: "ext4", geometry: { blockSize: 1024, bytesPerInode: 1024 }, sizeGiB: 32 },
  },
  {
    because: "inodes fill at most a quarter of the disk",
    given: { fsType: "ext2", geometry: { inodeSize: 2048, bytesPerInode: 4096 } },
    problem: `must be one of ${ratios(8192)} with fsType ext2, blockSize 4096, inodeSize 2048`,
  },
  {
    because: "no ext has 2^32 inodes",
    given: { fsType: "ext4", geometry: { bytesPerInode: 4096 }, sizeGiB: 16_384 },
    problem: `must be one of ${ratios(8192)} with fsType ext4, blockSize 4096, inodeSize 256, 16384 GiB`,
  },
  {
    because: "it has some fewer",
    given: { fsType: "ext4", geometry: { bytesPerInode: 4096 }, sizeGiB: 16_383 },
  },
  {
    because: "an XFS makes inodes as it needs them",
    given: { fsType: "xfs", geometry: { bytesPerInode: 4096 } },
    problem: "is for ext4, ext3, ext2, not for xfs: leave it out",
  },
  {
    because: "a btrfs has the blocks that every node mounts",
    given: { fsType: "btrfs", geometry: { blockSize: 4096 } },
    problem: "is for ext4, ext3, ext2, xfs, not for btrfs: leave it out",
  },
  {
    because: "Windows makes its own choice",
    given: { fsType: "ntfs", geometry: { inodeSize: 512 } },
    problem: "is for ext4, ext3, ext2, xfs, not for ntfs: leave it out",
  },
];

describe("geometryProblem", () => {
  for (const { because, given, problem } of rows)
    it(`${problem === undefined ? "allows" : "refuses"} it: ${because}`, () =>
      assert.equal(geometryProblem(given)?.problem, problem));

  it("names the parameter at fault, and its value", () => {
    const { name, value } =
      geometryProblem({ fsType: "ext4", geometry: { blockSize: 1024, inodeSize: 2048 } }) ?? {};
    assert.deepEqual([name, value], ["inodeSize", 2048]);
  });
});

describe("geometryOf", () => {
  it("reads attributes in any case, and leaves out what is no number", () =>
    assert.deepEqual(geometryOf({ BlockSize: "1024", inodesize: "", bytesPerInode: "4k", fsType: "ext4" }), {
      blockSize: 1024,
    }));
});
