import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSlotFile } from "./slot-file.ts";
import { createCrashDisk, diskWith } from "./testing/crash-disk.ts";

const PATH = "/state/volumes.json";

describe("a slot whose first content is longer than the room that is asked for", () => {
  const content = Buffer.from("c".repeat(1_500));
  /** Of making the file: open, two parts, sync, rename, and the folder's open and sync. */
  const CALLS_TO_MAKE = 7;

  for (const [call, failsAt] of [
    ["open", CALLS_TO_MAKE + 1],
    ["first part", CALLS_TO_MAKE + 2],
    ["second part", CALLS_TO_MAKE + 3],
    ["sync", CALLS_TO_MAKE + 4],
  ] as const)
    it(`is left as it was where it can't grow: ${call}`, async () => {
      const { disk } = createCrashDisk(diskWith({}), { failsAt });
      const slot = createSlotFile(disk, PATH, 0);
      await slot.reserve(1_000, content);
      await assert.rejects(slot.reserve(3_000, content), /planted/u);
      assert.deepEqual(await disk.readFile(PATH), content);
    });
});
