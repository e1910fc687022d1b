import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseExtSizeBytes } from "./parse-ext-size.ts";

/** Of dumpe2fs 1.47.0, shortened. */
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
  it("reads how large a file system is, so that one that its disk has outgrown is grown", () => {
    assert.equal(parseExtSizeBytes(SUPERBLOCK), 10n * 1024n ** 3n);
  });

  it("knows nothing of what is no superblock", () => {
    assert.equal(parseExtSizeBytes("dumpe2fs: Bad magic number in super-block\n"), undefined);
  });
});
