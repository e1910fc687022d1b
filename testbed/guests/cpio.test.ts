import assert from "node:assert/strict";
import { it } from "node:test";
import { cpioArchive } from "./cpio.ts";

it("archives folders and files as cpio(5) describes, ready to be concatenated", () => {
  const archive = cpioArchive(["bin"], [{ path: "bin/sh", mode: 0o755, content: Buffer.from("abc") }]);
  const header = (inode: string, mode: string, size: string, nameSize: string): string =>
    `070701${inode}${mode}${"0".repeat(16)}00000001${"0".repeat(8)}${size}${"0".repeat(32)}${nameSize}` +
    "0".repeat(8);
  assert.equal(
    Buffer.from(archive).toString("latin1"),
    `${header("00000001", "000041ed", "00000000", "00000004")}bin\0\0\0` +
      `${header("00000002", "000081ed", "00000003", "00000007")}bin/sh\0\0\0\0abc\0` +
      `${header("00000003", "00000000", "00000000", "0000000b")}TRAILER!!!\0\0\0\0`,
  );
});
