import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseExtSize } from "./parse-ext-superblock.ts";

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
  const sizeBytes = 10n * 1024n ** 3n;

  it("reads the size of a file system, to detect that its disk has outgrown it", () => {
    assert.deepEqual(parseExtSize(SUPERBLOCK), { sizeBytes, sizeMaxBytes: undefined });
  });

  it("states the largest size of one whose block numbers have 32 bits", () => {
    const sizeMaxBytes = 16n * 1024n ** 4n - 4096n;
    assert.deepEqual(parseExtSize(SUPERBLOCK.replace("64bit ", "")), { sizeBytes, sizeMaxBytes });
    const last = SUPERBLOCK.replace("64bit flex_bg", "flex_bg 64bit");
    assert.deepEqual(parseExtSize(last), { sizeBytes, sizeMaxBytes: undefined });
  });

  it("answers nothing for text without a superblock", () => {
    assert.equal(parseExtSize("dumpe2fs: Bad magic number in super-block\n"), undefined);
  });
});
