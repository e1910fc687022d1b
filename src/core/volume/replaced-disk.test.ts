import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { replacedDisk } from "./replaced-disk.ts";

describe("replacedDisk", () => {
  const diskUri = "/disks/pvc-1";
  for (const { meant, shown, isReplaced } of [
    { meant: "a", shown: "b", isReplaced: true },
    { meant: "a", shown: "A", isReplaced: false },
    { meant: undefined, shown: "b", isReplaced: false },
    { meant: "a", shown: undefined, isReplaced: false },
  ])
    it(`takes ${shown} for ${isReplaced ? "another disk than" : "possibly"} ${meant}`, () =>
      assert.deepEqual(
        replacedDisk({ diskUri, uniqueId: meant }, { uniqueId: shown }),
        isReplaced ? { kind: "DiskReplaced", diskUri, uniqueId: meant, shownId: shown } : undefined,
      ));
});
