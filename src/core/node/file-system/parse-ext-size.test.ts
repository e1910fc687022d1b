import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseExtSizeBytes } from "./parse-ext-size.ts";

/** Output of dumpe2fs 1.47.0, shortened. */
const SUPERBLOCK = `Filesystem volume name:   <none>
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

describe("parseExtSizeBytes", () => {
  it("reads the size of a file system, to detect that its disk has outgrown it", () => {
    assert.equal(parseExtSizeBytes(SUPERBLOCK), 10n * 1024n ** 3n);
  });

  it("answers nothing for text without a superblock", () => {
    assert.equal(parseExtSizeBytes("dumpe2fs: Bad magic number in super-block\n"), undefined);
  });
});
