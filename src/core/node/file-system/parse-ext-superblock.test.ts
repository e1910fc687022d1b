import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { growsOnDisk, parseExtSize } from "./parse-ext-superblock.ts";

/** Output of dumpe2fs 1.47.0, shortened. */
const SUPERBLOCK = `Filesystem volume name:   <none>
Filesystem features:      has_journal ext_attr resize_inode dir_index filetype extent 64bit flex_bg
Filesystem state:         clean
Inode count:              655360
Block count:              2621440
Reserved block count:     131072
Free blocks:              2554687
First block:              0
Block size:               4096
Fragment size:            4096
Reserved GDT blocks:      1024
Blocks per group:         32768
`;

describe("parseExtSize", () => {
  const size = { blocks: 2_621_440n, blockBytes: 4096n };

  it("reads the size of a file system, to detect that its disk has outgrown it", () => {
    assert.deepEqual(parseExtSize(SUPERBLOCK), { ...size, has64Bits: true });
  });

  it("states whether its block numbers have 32 bits", () => {
    assert.deepEqual(parseExtSize(SUPERBLOCK.replace("64bit ", "")), { ...size, has64Bits: false });
    const last = SUPERBLOCK.replace("64bit flex_bg", "flex_bg 64bit");
    assert.deepEqual(parseExtSize(last), { ...size, has64Bits: true });
  });

  it("answers nothing for text without a superblock", () => {
    assert.equal(parseExtSize("dumpe2fs: Bad magic number in super-block\n"), undefined);
  });
});

describe("growsOnDisk", () => {
  const most = 2n ** 32n - 1n;
  for (const [has64Bits, blocks, diskBlocks, grows, because] of [
    [true, 100n, 101n, true, "the disk is larger"],
    [true, 100n, 100n, false, "it is as large as the disk"],
    [true, 100n, most + 2n, true, "its block numbers have 64 bits"],
    [false, 100n, most, true, "the disk has the most blocks"],
    [false, 100n, most + 1n, true, "the disk has one more block, as one of 16 TiB"],
    [false, most, most + 1n, false, "it has the most blocks already"],
    [false, 100n, most + 2n, false, "resize2fs refuses such a disk"],
  ] as const)
    it(`says ${grows} where ${because}`, () =>
      assert.equal(growsOnDisk({ blocks, blockBytes: 4096n, has64Bits }, diskBlocks * 4096n), grows));
});
