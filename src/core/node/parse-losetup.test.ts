import assert from "node:assert/strict";
import { it } from "node:test";
import { losetupArgs, parseLosetup } from "./parse-losetup.ts";

// A device number with its padding would equal none.
it("undoes the padding and escapes of losetup", () => {
  const text = String.raw`/dev/loop1 \x20\x20\x20\x20\x20\x20\x200:6\x20\x20 94 /dev/loop0
/dev/loop0 \x20\x20\x20\x20\x20254:0\x20\x20 9977884 /tmp/a\x20disk
`;
  assert.deepEqual(parseLosetup(text), [
    { path: "/dev/loop1", backingFileSystem: "0:6", backingInode: "94", backingPath: "/dev/loop0" },
    { path: "/dev/loop0", backingFileSystem: "254:0", backingInode: "9977884", backingPath: "/tmp/a disk" },
  ]);
  assert.deepEqual(parseLosetup(""), []);
});

it("asks losetup for the columns that it reads, in their order, without headings", () => {
  assert.equal(
    losetupArgs.join(" "),
    "--list --noheadings --raw --output NAME,BACK-MAJ:MIN,BACK-INO,BACK-FILE",
  );
});
