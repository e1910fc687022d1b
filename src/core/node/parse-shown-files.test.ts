import assert from "node:assert/strict";
import { it } from "node:test";
import { parseShownFiles, saysOutOfReach } from "./parse-shown-files.ts";

it("tells devices from other files, which have the number 0:0 or another's", () => {
  const text = `103:2d /proc/47/map_files/200000-201000 block special file
0:0 /proc/47/map_files/7f0000-7f1000 regular empty file
15:2 /proc/48/fd/17 character special file
8:20 /proc/48/fd/18 block special file
0:0 /proc/48/fd/19 directory
`;
  assert.deepEqual(parseShownFiles(text.split("\n")), [
    { pid: 47, name: "200000-201000", device: "259:45" },
    { pid: 47, name: "7f0000-7f1000", device: undefined },
    { pid: 48, name: "17", device: "char 21:2" },
    { pid: 48, name: "18", device: "8:32" },
    { pid: 48, name: "19", device: undefined },
  ]);
  assert.deepEqual(parseShownFiles([]), []);
});

it("takes a file whose file system has failed for no device", () => {
  const message = "stat: cannot statx '/proc/7/fd/3': Input/output error";
  assert.equal(saysOutOfReach(message), true);
  assert.deepEqual(parseShownFiles([message]), [{ pid: 7, name: "3", device: undefined }]);
  assert.equal(saysOutOfReach("stat: cannot statx '/proc/7/fd/3': Operation not permitted"), false);
});
