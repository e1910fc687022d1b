import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { signatureOf } from "./data-signature.ts";

const MIB = 1024 * 1024;

function aStart(offset: number, bytes: readonly number[]): Uint8Array {
  const start = new Uint8Array(MIB);
  start.set(bytes, offset);
  return start;
}

const text = (characters: string): readonly number[] => [...new TextEncoder().encode(characters)];

describe("signatureOf", () => {
  const rows = [
    // The little-endian numbers of Linux' headers: 0xEF53, 0xa92b4efc and 0xF2F52010.
    ["ext2, ext3 or ext4", 1024 + 56, [0x53, 0xef]],
    ["Linux RAID", 0, [0xfc, 0x4e, 0x2b, 0xa9]],
    ["Linux RAID", 4096, [0xfc, 0x4e, 0x2b, 0xa9]],
    ["F2FS", 1024, [0x10, 0x20, 0xf5, 0xf2]],
    ["XFS", 0, text("XFSB")],
    ["btrfs", 64 * 1024 + 64, text("_BHRfS_M")],
    ["LUKS", 0, [...text("LUKS"), 0xba, 0xbe]],
    ["LVM", 512, text("LABELONE")],
    ["swap", 4096 - 10, text("SWAPSPACE2")],
    ["BitLocker", 3, text("-FVE-FS-")],
    ["NTFS", 3, text("NTFS    ")],
    ["ReFS", 3, [...text("ReFS"), 0, 0, 0, 0]],
    ["exFAT", 3, text("EXFAT   ")],
  ] as const;
  for (const [name, offset, bytes] of rows)
    it(`knows ${name} at byte ${offset}, and nowhere else`, () => {
      assert.equal(signatureOf(aStart(offset, bytes)), name);
      assert.equal(signatureOf(aStart(offset + 7, bytes)), undefined);
    });

  it("knows none in zeros, in the tables of a GPT, and in a short read", () => {
    const table = aStart(510, [0x55, 0xaa]);
    table.set(text("EFI PART"), 512);
    assert.deepEqual([aStart(0, []), table, new Uint8Array(512)].map(signatureOf), [
      undefined,
      undefined,
      undefined,
    ]);
  });
});
