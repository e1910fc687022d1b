import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MOUNT_PROBLEM_DETAIL_MAX_CHARS } from "../api/attachment-bounds.ts";
import { mountProblemMessage, mountProblemSummary } from "./mount-problem-message.ts";

describe("mountProblemMessage", () => {
  const rows = [
    ["MountDead", "its device is gone", "node-a has lost the use of the volume: its device is gone"],
    [
      "FileSystemErrors",
      "2 since its last check",
      "node-a has found errors in the file system of the volume: 2 since its last check",
    ],
    [
      "FileSystemRepaired",
      "Inode 12 was zapped",
      "node-a has repaired the file system before its mount: Inode 12 was zapped",
    ],
    ["WritesLost", "EIO", "node-a has reported lost writes of the volume: EIO"],
  ] as const;
  for (const [reason, detail, message] of rows)
    it(`says what ${reason} is, with the node's words, and without them`, () => {
      assert.equal(mountProblemMessage("node-a", { reason, detail }), message);
      assert.ok(message.startsWith(`${mountProblemSummary(["node-a"], reason)}: `));
    });

  it("keeps on one line what a token writes, and cuts it", () => {
    const long = "d".repeat(2 * MOUNT_PROBLEM_DETAIL_MAX_CHARS);
    const detail = `a\r\nType: Normal\u2028b\u001b[2J\u202ec${long}`;
    const message = mountProblemMessage("node-a", { reason: "MountDead", detail });
    assert.ok(
      message.startsWith("node-a has lost the use of the volume: a Type: Normal b [2J cddd"),
      message.slice(0, 100),
    );
    assert.equal(message.length, "node-a has lost the use of the volume: ".length + 512);
  });
});
