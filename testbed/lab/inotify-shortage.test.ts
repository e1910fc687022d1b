import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inotifyShortage } from "./inotify-shortage.ts";

describe("inotify instances", () => {
  it("are too few for a lab that nobody has memory for, and the remedy is told before anything is started", async () => {
    assert.match(
      (await inotifyShortage(1_000_000)) ?? "",
      /needs 8000010 inotify instances, and root has -?\d+ of \d+ left: sysctl fs\.inotify\.max_user_instances=\d+/u,
    );
  });
});
