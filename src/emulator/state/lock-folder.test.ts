import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { lockFolder } from "./lock-folder.ts";

const hasNames = ["linux", "win32"].includes(process.platform);

describe(
  "a locked folder",
  { skip: hasNames ? false : "this system has no socket names without files" },
  () => {
    it("belongs to one emulator at a time", async () => {
      const lock = await lockFolder("/a-folder");
      await assert.rejects(lockFolder("/a-folder"), /another emulator uses \/a-folder: end that one/u);
      await (await lockFolder("/another-folder")).release();
      await lock.release();
      await (await lockFolder("/a-folder")).release();
    });
  },
);
