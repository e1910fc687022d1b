import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findFullFolders } from "./folder-size.ts";

describe("the size of folders", () => {
  const fifteen = Array.from({ length: 15 }, (_, index) => `src/core/file-${index}.ts`);

  it("counts sources, without tests, generated code and subfolders", () => {
    const others = ["src/core/a.test.ts", "src/core/gen/a.ts", "src/core/part/a.ts", "src/core/notes.md"];
    assert.deepEqual(findFullFolders([...fifteen, ...others]), []);
  });

  it("names a folder with a source too many", () => {
    assert.deepEqual(findFullFolders([...fifteen, "src/core/a.ts"]), [
      "src/core: 16 source files, at most 15: give a part a folder",
    ]);
  });
});
