import assert from "node:assert/strict";
import { it } from "node:test";
import { parseSharedMappings, sharedMappingsArgs } from "./parse-shared-mappings.ts";

it("reads addresses as map_files has them, and numbers as mountinfo has them", () => {
  const text = `/proc/47/maps:00200000-00201000 rw-s 00000000 00:2d 94
/proc/48/maps:7ff7d271a000-7ff7d271b000 r--s 0003f000 103:00 17
`;
  assert.deepEqual(parseSharedMappings(text.split("\n")), [
    { pid: 47, range: "200000-201000", fileSystem: "0:45", inode: "94" },
    { pid: 48, range: "7ff7d271a000-7ff7d271b000", fileSystem: "259:0", inode: "17" },
  ]);
  assert.deepEqual(parseSharedMappings([]), []);
});

it("asks for all shared mappings of files, also for those that are not written to", () => {
  const pattern = new RegExp(sharedMappingsArgs.find((argument) => argument.startsWith("^")) ?? "^$", "u");
  const isAsked = (line: string): boolean => pattern.test(line);
  assert.deepEqual(
    [
      "7ff7d271a000-7ff7d271b000 rw-s 00000000 00:06 94                         /dev/loop0",
      "7ff7d271a000-7ff7d271b000 ---s 00000000 00:06 94                         /dev/loop0",
      "7ff7d271a000-7ff7d271b000 rw-p 00000000 00:06 94                         /dev/loop0",
      "7ff7d271a000-7ff7d271b000 rw-s 00000000 00:00 0 ",
    ].map(isAsked),
    [true, true, false, false],
  );
});
