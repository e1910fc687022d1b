import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inotifyShortage } from "./inotify-shortage.ts";

describe("inotify instances", () => {
  // The remedy is shown before anything is started.
  it("are too few for a lab that exceeds any machine's memory", async () => {
    assert.match(
      (await inotifyShortage(1_000_000)) ?? "",
      /needs 8000010 inotify instances, and root has -?\d+ of \d+ left: sysctl fs\.inotify\.max_user_instances=\d+/u,
    );
  });
});
